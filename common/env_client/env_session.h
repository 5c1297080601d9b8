// One session on one env server. The constructor opens it; it never reconnects.
//
// Keeps the server's lease by sending a heartbeat after a third of it without a message. Limits
// each wait to kEnvAnswerTimeout: until `opened`, and for every answer.
// Data flow: Act | Reset | Render | SaveState | RestoreState | SetParameters -> Rollout stream ->
// StepDecoder -> Poll. Thread safety: compatible; `signal` is notified when Poll has something.
// Ownership: the destructor ends the session.
#ifndef ARMATURE_COMMON_ENV_CLIENT_ENV_SESSION_H_
#define ARMATURE_COMMON_ENV_CLIENT_ENV_SESSION_H_

#include <cstdint>
#include <map>
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
  // `open.expected_spec_hash` must be the hash of `spec`.
  EnvSession(const std::shared_ptr<grpc::Channel>& channel, std::string address,
             const v1::OpenSession& open, const EnvSpec& spec, WakeSignal* signal);

  struct Received {
    std::vector<DecodedStep> steps;  // In order; each may be answered by Act or Reset.
    std::vector<v1::Frame> frames;   // In order; shape and dtype as in the spec.
    std::vector<v1::SlotState> states;
    std::vector<RestoredSlot> restored;
    // Set when the session is over; the message begins with the server's address.
    std::optional<absl::Status> ended;
  };
  // Returns what arrived since the last call, and sends a heartbeat if one is due.
  Received Poll(absl::Time now);

  // Answers the last step of `group` with `actions`, [group size, ActionSpec::size()].
  void Act(uint32_t group, absl::Span<const float> actions);

  // Instead of Act: all slots of `group` begin their next episodes, or, with `seed`, start over as
  // if the session had been opened with it. The answer is step 0.
  void Reset(uint32_t group, std::optional<uint64_t> seed);

  // Requests a picture of slot `slot` of the session, in the state of its group's last step, or,
  // with `last_state`, of the end of the episode that this step ended. Only if the spec has
  // `render`, and before Act answers that step; Act must then wait for the frame.
  void Render(uint32_t slot, bool last_state = false);

  // Asks for slot `slot`'s state, or puts the slot back to one; only if the spec has `saves_state`.
  // The same rules as for Render; the answers are Received.states and .restored.
  void SaveState(uint32_t slot);
  void RestoreState(uint32_t slot, const std::string& state);

  // Sets parameters of the episodes to come, in `slots` or, if it is empty, in all; at any time.
  // See proto/env_service.proto. Not answered; what the spec does not have ends the session.
  void SetParameters(const std::map<std::string, double>& values,
                     absl::Span<const uint32_t> slots = {});

  const std::string& address() const { return address_; }
  bool opened() const { return opened_; }
  uint64_t id() const { return id_; }  // SessionOpened.session_id; 0 until opened.
  int64_t group_size() const { return group_size_; }
  // Poll must be called by this time.
  absl::Time NextDeadline() const;

 private:
  using Stream = BidiStream<v1::RolloutRequest, v1::RolloutResponse>;
  // A question about one slot.
  struct Question {
    v1::RolloutResponse::KindCase answer = v1::RolloutResponse::KIND_NOT_SET;
    uint32_t slot = 0;
  };
  struct Group {
    uint64_t step = 0;  // Of the awaited answer, else of the last one.
    bool awaited = true;
    std::optional<Question> asked;  // Not answered yet.
    absl::Time deadline = absl::InfiniteFuture();
  };

  void Write(v1::RolloutRequest request);
  absl::Status OnOpened(const v1::SessionOpened& opened);
  absl::Status OnStep(const v1::StepBatch& batch, std::vector<DecodedStep>* steps);
  absl::Status OnFrame(const v1::Frame& frame, std::vector<v1::Frame>* frames);
  absl::Status OnRestored(const v1::SlotRestored& restored, std::vector<RestoredSlot>* slots);
  void Ask(v1::RolloutRequest request, Question question);
  // Ends the wait for an answer; refuses one that was not asked for.
  absl::Status TakeAnswer(v1::RolloutResponse::KindCase kind, uint32_t slot);
  absl::Status OnMessage(const v1::RolloutResponse& message, Received* received);
  absl::Status CheckDeadlines(absl::Time now) const;

  const std::string address_;
  const uint64_t spec_hash_;
  const int64_t action_size_;
  const int64_t group_size_;
  const RenderSpec picture_;  // Zero if the environment does not render.
  const StepDecoder decoder_;
  std::unique_ptr<v1::EnvService::Stub> stub_;
  bool opened_ = false;
  uint64_t id_ = 0;
  absl::Time open_deadline_;
  absl::Duration heartbeat_period_ = absl::InfiniteDuration();
  absl::Time last_write_;
  std::vector<Group> groups_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_ENV_CLIENT_ENV_SESSION_H_
