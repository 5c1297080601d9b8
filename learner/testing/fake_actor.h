// An actor without environments, which sends and receives exactly what a test wants.
//
// Thread safety: compatible. Every call ends within kTimeout, so that no test hangs.
#ifndef ARMATURE_LEARNER_TESTING_FAKE_ACTOR_H_
#define ARMATURE_LEARNER_TESTING_FAKE_ACTOR_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/spec/env_spec.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"
#include "proto/learner_service.grpc.pb.h"

namespace armature {

class FakeActor {
 public:
  static constexpr absl::Duration kTimeout = absl::Seconds(60);

  FakeActor(const std::shared_ptr<grpc::Channel>& channel, const std::string& name,
            uint64_t incarnation);
  ~FakeActor();

  // The handshake's second call; remembers run id and spec.
  absl::StatusOr<v1::JoinResponse> Join(const EnvSpec& spec,
                                        const std::vector<std::string>& env_servers = {});

  // Opens StreamExperience.
  void Open();
  void Send(const v1::ExperienceBatch& batch);
  void Collect(uint64_t group, uint32_t steps);
  // Return the next message; fail the test if the stream ends first.
  v1::ExperienceAck NextAck();
  v1::CollectGrant NextGrant();
  // Sends `batch` and waits until it is acknowledged.
  v1::ExperienceAck SendAndWait(const v1::ExperienceBatch& batch);
  // Dies: breaks the stream.
  void Break();
  // Leaves: closes its side and waits for the stream's end.
  absl::Status Leave();

  void Subscribe(bool can_evaluate);
  // Returns the next event of `kind` and skips others.
  v1::LearnerEvent NextEvent(v1::LearnerEvent::KindCase kind);
  // Reads until the learner ends the subscription.
  absl::Status SubscriptionEnd();
  void Unsubscribe();
  absl::Status Report(uint64_t evaluation_id, uint64_t policy_version, int successes, int episodes);

  v1::StatusResponse Status();

 private:
  using Stream = grpc::ClientReaderWriter<v1::ExperienceRequest, v1::ExperienceResponse>;

  std::unique_ptr<grpc::ClientContext> NewContext() const;
  bool ReadOne();

  const std::unique_ptr<v1::LearnerService::Stub> stub_;
  v1::Handshake handshake_;
  uint64_t spec_hash_ = 0;

  std::unique_ptr<grpc::ClientContext> stream_context_;
  std::unique_ptr<Stream> stream_;
  std::deque<v1::ExperienceAck> acks_;
  std::deque<v1::CollectGrant> grants_;

  std::unique_ptr<grpc::ClientContext> events_context_;
  std::unique_ptr<grpc::ClientReader<v1::LearnerEvent>> events_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TESTING_FAKE_ACTOR_H_
