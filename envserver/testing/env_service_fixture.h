// Shared by the tests of EnvService: a server with the test environments, a client that sends and
// reads single messages, and the fixture of the conformance suite.
//
// If ARMATURE_ENV_SERVICE_ADDRESS (and _ENV_ID) is set, ConformanceTest tests the server at that
// address, whatever its implementation: with that environment, which should have all abilities, or
// be hosted once with and once without them.
// Thread safety: none; use from one test thread.
#ifndef ARMATURE_ENVSERVER_TESTING_ENV_SERVICE_FIXTURE_H_
#define ARMATURE_ENVSERVER_TESTING_ENV_SERVICE_FIXTURE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/metrics/metrics.h"
#include "common/random/rng.h"
#include "common/rpc/rpc_server.h"
#include "common/spec/env_spec.h"
#include "envserver/env/env_registry.h"
#include "envserver/service/deadline_timer.h"
#include "envserver/service/env_service.h"
#include "envserver/slots/step_pool.h"
#include "envserver/testing/test_envs.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {

// A server with the test environments on its own port; only SetClock moves its clock.
class TestServer {
 public:
  TestServer(int threads, absl::Duration step_timeout);
  ~TestServer();

  const std::string& address() const { return server_->address(); }
  HangGate& gate() { return *gate_; }
  std::string metrics() const { return metrics_registry_.Text(); }
  EnvService& service() { return *service_; }
  void SetClock(int seconds);

 private:
  std::atomic<int64_t> seconds_{0};
  std::shared_ptr<HangGate> gate_ = std::make_shared<HangGate>();
  EnvRegistry registry_;
  MetricsRegistry metrics_registry_{"envserver"};
  StepPool pool_;
  DeadlineTimer timer_;
  std::unique_ptr<EnvService> service_;
  std::unique_ptr<RpcServer> server_;
};

// One Rollout stream. Fails the test if an expected message does not come.
class RolloutClient {
 public:
  explicit RolloutClient(v1::EnvService::Stub* stub);

  // Uses seed 7.
  static v1::OpenSession OpenMessage(const std::string& env_id, int num_envs, int num_groups = 1);

  // Opens the session; reads `opened` and each group's first batch into `first`.
  void Open(const v1::OpenSession& open);
  void SendOpen(const v1::OpenSession& open);
  // `values`: [slots, action size].
  void SendActions(uint32_t group, uint64_t step, const std::vector<float>& values);
  void SendTensor(uint32_t group, uint64_t step, const v1::Tensor& tensor);
  void SendReset(uint32_t group, uint64_t step, std::optional<uint64_t> seed = std::nullopt);
  // Sets ResetGroup.slot_seeds.
  void SendReset(uint32_t group, uint64_t step, const std::vector<uint64_t>& slot_seeds);
  void SendRender(uint32_t slot, bool last_state = false);
  void SendSave(uint32_t slot);
  void SendRestore(uint32_t slot, const std::string& state);
  void SendParameters(const std::map<std::string, double>& values,
                      const std::vector<uint32_t>& slots = {});
  v1::StepBatch Read();
  v1::Frame ReadFrame();
  // Each asks and returns the answer.
  std::string Save(uint32_t slot);
  v1::SlotRestored Restore(uint32_t slot, const std::string& state);
  // Resets and returns the first batch of the answer.
  v1::StepBatch Reset(const v1::StepBatch& last, std::optional<uint64_t> seed = std::nullopt);
  void WritesDone() { stream_->WritesDone(); }
  // Drops remaining messages; returns how the stream ended.
  grpc::Status Finish();
  void Cancel() { context_.TryCancel(); }

  v1::SessionOpened opened;
  EnvSpec spec;
  std::map<uint32_t, v1::StepBatch> first;

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::RolloutRequest, v1::RolloutResponse>> stream_;
};

// One Watch call; with `session_id` 0 of the session opened last.
class WatchClient {
 public:
  WatchClient(v1::EnvService::Stub* stub, uint64_t session_id, uint32_t slot,
              double frames_per_s_max = 0);

  // Returns once the server follows the slot, or has refused to.
  void AwaitHeaders() { reader_->WaitForInitialMetadata(); }
  // Fail the test if the next message is not of this kind.
  v1::WatchOpened ReadOpened();
  v1::Mesh ReadMesh();
  v1::PoseFrame ReadFrame();
  // Drops remaining messages; returns how the stream ended.
  grpc::Status Finish();
  void Cancel() { context_.TryCancel(); }

 private:
  v1::WatchResponse Read();

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
};

// Each returns actions for `count` slots.
std::vector<float> RandomActions(const ActionSpec& spec, int64_t count, Rng& rng);
std::vector<float> ZeroActions(const ActionSpec& spec, int64_t count);

// Returns the bytes of one slot's observation.
std::string ObservationRow(const v1::StepBatch& batch, int64_t row);
// Returns all bytes of a batch that belong to one slot.
std::string Row(const v1::StepBatch& batch, int64_t row);
std::vector<int> Flags(const v1::Tensor& tensor);

// Must pass on any server: tests may use nothing that only this implementation has.
class ConformanceTest : public ::testing::Test {
 protected:
  void SetUp() override;

  void StartServer(int threads = 2, absl::Duration step_timeout = absl::Hours(1));
  void Connect(const std::string& address);

  // Returns how the server ends a stream that begins with `open`.
  grpc::Status OpenStatus(const v1::OpenSession& open);

  // Opens env_id_ with a config that can render, if it has one.
  v1::OpenSession RenderingMessage(int num_envs, int num_groups = 1);

  // Expects that `send`, called after `open`, ends the session with InvalidArgument, in a message
  // that contains `expected` and the environment's name.
  void ExpectRefused(const v1::OpenSession& open, const std::function<void(RolloutClient&)>& send,
                     const std::string& expected);

  // Returns the rows of every slot over `steps` steps of random actions.
  std::vector<std::string> Play(int num_envs, int num_groups, int steps);

  // The same for one group, starting from its last batch `*batch`; stores the new last batch there.
  // With `renders`, draws a slot before every step.
  static std::vector<std::string> PlayGroup(RolloutClient& client, int steps, v1::StepBatch* batch,
                                            bool renders = false);

  std::string env_id_ = "point_mass";
  // An environment with metrics, goal extras, parameters, saved states and a scene, if there is
  // one.
  std::string equipped_id_ = "equipped";
  std::map<std::string, std::string> rendering_config_;
  std::unique_ptr<TestServer> server_;  // Null when testing another server.
  std::unique_ptr<v1::EnvService::Stub> stub_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TESTING_ENV_SERVICE_FIXTURE_H_
