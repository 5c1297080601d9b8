// An in-process EnvService for the actor's tests.
//
// Environment "line": observation {position float64 [2], clock int64 []}, Box [2] in
// [-2, 4] x [0, 1], horizon Options::horizon (0: no end), reports success at the end. position is
// {session number on this server, episode number of the slot}; clock counts the episode's steps;
// the reward is the clock after the step. So all transitions are distinguishable. A saved state is
// "EPISODE CLOCK" of the slot; other bytes are refused. SetParameters is recorded, whatever it
// sets. Thread safety: all methods.
#ifndef ARMATURE_ACTOR_TESTING_FAKE_ENV_SERVER_H_
#define ARMATURE_ACTOR_TESTING_FAKE_ENV_SERVER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/rpc/testing/loopback_server.h"
#include "common/spec/env_spec.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {

EnvSpec LineSpec(int64_t horizon);

class FakeEnvServer final : public v1::EnvService::Service {
 public:
  struct Options {
    int64_t horizon = 5;
    double lease_s = 30;
    int64_t slots = 64;
    int64_t restart_period = 0;  // Slot 0 of a session is replaced every this many steps.
    absl::Status refusal;        // If not OK, Rollout answers with this.
    bool holds_open = false;     // Rollout never answers.
    bool sends_nan = false;      // In the reward of step 3.
    // Whether there is a parameter "level", 0 .. 1, initially 0.5, and a metric "reward/clock", the
    // sum of rewards.
    bool has_level = false;
    // Whether each step says that the lower bounds were executed, whatever was sent.
    bool executes_lowest = false;
    // If set, pictures whose first byte is their number in the session.
    std::optional<RenderSpec> render;
    bool sends_small_frames = false;  // One row missing.
  };
  explicit FakeEnvServer(const Options& options);
  ~FakeEnvServer() override;

  // Listens, on the same port each time.
  void Start();
  // Breaks all streams, like SIGKILL.
  void Stop();
  std::string address() const { return server_.address(); }

  // HoldSteps: actions are read but not answered until ReleaseSteps.
  void HoldSteps();
  void ReleaseSteps();

  void AwaitSessions(int64_t count);    // Opened since the start.
  void AwaitHeartbeats(int64_t count);  // Since the start.
  std::vector<v1::OpenSession> opened() const;
  std::vector<v1::SetParameters> parameters() const;  // All that came, in order.
  int64_t open_sessions() const;
  // Timeout of the last Describe call.
  absl::Duration describe_timeout() const;
  // Number of actions out of bounds, or for another step.
  int64_t bad_actions() const;

 private:
  grpc::Status Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                        v1::DescribeResponse* response) override;
  grpc::Status Rollout(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::RolloutResponse, v1::RolloutRequest>* stream) override;
  bool CheckAction(const v1::ActionBatch& actions, uint64_t step, int64_t size) const;

  const Options options_;
  const EnvSpec spec_;
  mutable absl::Mutex mutex_;
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration describe_timeout_ ABSL_GUARDED_BY(mutex_);
  int64_t heartbeats_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t open_sessions_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t slots_in_use_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t bad_actions_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::SetParameters> parameters_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::OpenSession> opened_ ABSL_GUARDED_BY(mutex_);
  LoopbackServer server_{{this}};
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_TESTING_FAKE_ENV_SERVER_H_
