// One session on one env server: opened in the constructor, never reconnected.
//
// Keeps the lease (a heartbeat when silent for a third of it) and its own
// deadlines: kEnvAnswerTimeout until `opened` and for every answer.
// Data flow: Act | Reset | Render -> Rollout stream -> StepDecoder -> Poll.
// Thread safety: compatible; `signal` is notified when Poll has something.
// Ownership: the destructor ends the session.
#ifndef ARMATURE_COMMON_ENV_CLIENT_ENV_SESSION_H_
#define ARMATURE_COMMON_ENV_CLIENT_ENV_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/env_client/step_decoder.h"
#include "common/rpc_client/bidi_stream.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {

class EnvSession {
 public:
  // `open.expected_spec_hash` is that of `spec`. `action_size`: ActionSpec::size().
  EnvSession(const std::shared_ptr<grpc::Channel>& channel, std::string address,
             const v1::OpenSession& open, const EnvSpec& spec, WakeSignal* signal);

  struct Received {
    std::vector<DecodedStep> steps;  // In order; each may be answered by Act.
    std::vector<v1::Frame> frames;   // In order; shape and dtype as the spec says.
    // The session is over; the message begins with the server's address.
    std::optional<absl::Status> ended;
  };
  // What came since the last call; also sends a heartbeat when one is due.
  Received Poll(absl::Time now);

  // Answers the last step of `group` with actions [group size, action size].
  void Act(uint32_t group, absl::Span<const float> actions);

  // Lets all slots of `group`, whose last step is not answered, begin their next
  // episodes, or anew as if the session had been opened with `seed`; step 0 answers.
  void Reset(uint32_t group, std::optional<uint64_t> seed);

  // Asks for a picture of `slot`, of the session, as the last step of its group left
  // it. Only where the spec renders, and before that step is answered by Act, which
  // must then wait for the frame.
  void Render(uint32_t slot);

  const std::string& address() const { return address_; }
  bool opened() const { return opened_; }
  int64_t group_size() const { return group_size_; }
  // When Poll must be called at the latest.
  absl::Time NextDeadline() const;

 private:
  using Stream = BidiStream<v1::RolloutRequest, v1::RolloutResponse>;
  struct Group {
    uint64_t step = 0;  // Of the answer awaited, or of the last one.
    bool awaited = true;
    std::optional<uint32_t> frame_of;  // The slot whose picture is awaited.
    absl::Time deadline = absl::InfiniteFuture();
  };

  void Write(v1::RolloutRequest request);
  absl::Status OnOpened(const v1::SessionOpened& opened);
  absl::Status OnStep(const v1::StepBatch& batch, std::vector<DecodedStep>* steps);
  absl::Status OnFrame(const v1::Frame& frame, std::vector<v1::Frame>* frames);
  absl::Status OnMessage(const v1::RolloutResponse& message, Received* received);
  absl::Status CheckDeadlines(absl::Time now) const;

  const std::string address_;
  const uint64_t spec_hash_;
  const int64_t action_size_;
  const int64_t group_size_;
  const RenderSpec picture_;  // Zero where the environment does not render.
  const StepDecoder decoder_;
  std::unique_ptr<v1::EnvService::Stub> stub_;
  bool opened_ = false;
  absl::Time open_deadline_;
  absl::Duration heartbeat_period_ = absl::InfiniteDuration();
  absl::Time last_write_;
  std::vector<Group> groups_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_ENV_CLIENT_ENV_SESSION_H_
