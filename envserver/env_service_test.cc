// The promises of proto/env_service.proto, kept through a real gRPC server.
//
// With ARMATURE_ENV_SERVICE_ADDRESS (and _ENV_ID) in the environment, the tests of
// ConformanceTest run against the server there, whatever implements it.
#include "envserver/env_service.h"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "common/rpc/protocol.h"
#include "common/rpc/transport.h"
#include "common/spec/env_spec.h"
#include "common/tensor/packed.h"
#include "envserver/testing/test_envs.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A server of the test environments.
class TestServer {
 public:
  TestServer(int threads, absl::Duration step_timeout)
      : pool_({threads, step_timeout}), timer_([this] { return absl::Seconds(seconds_.load()); }) {
    EXPECT_TRUE(RegisterTestEnvs(registry_, gate_).ok());
    EnvServiceOptions options;
    options.server_name = "testsim";
    options.slots_total = 16;
    service_ =
        std::make_unique<EnvService>(options, &registry_, &pool_, &timer_, &metrics_registry_);
    grpc::ServerBuilder builder;
    int port = 0;
    EXPECT_TRUE(ConfigureServer("127.0.0.1:0", {}, &builder, &port).ok());
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    address_ = BoundAddress("127.0.0.1:0", port);
  }
  ~TestServer() {
    gate_->Open();
    service_->EndSessions();
    server_->Shutdown();
    server_->Wait();
  }

  const std::string& address() const { return address_; }
  HangGate& gate() { return *gate_; }
  std::string metrics() const { return metrics_registry_.Text(); }
  EnvService& service() { return *service_; }
  void SetClock(int seconds) {
    seconds_ = seconds;
    timer_.Wake();
  }

 private:
  std::atomic<int64_t> seconds_{0};
  std::shared_ptr<HangGate> gate_ = std::make_shared<HangGate>();
  EnvRegistry registry_;
  MetricsRegistry metrics_registry_{"envserver"};
  StepPool pool_;
  DeadlineTimer timer_;
  std::unique_ptr<EnvService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

// One Rollout stream, driven step by step.
class Client {
 public:
  explicit Client(v1::EnvService::Stub* stub) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    stream_ = stub->Rollout(&context_);
  }

  static v1::OpenSession OpenMessage(const std::string& env_id, int num_envs, int num_groups = 1) {
    v1::OpenSession open;
    *open.mutable_handshake() = MakeHandshake("tester", 5, "");
    open.set_env_id(env_id);
    open.set_num_envs(num_envs);
    open.set_num_groups(num_groups);
    open.set_seed(7);
    return open;
  }

  // Opens and reads `opened` and the first batch of each group, in `first`.
  void Open(const v1::OpenSession& open) {
    SendOpen(open);
    v1::RolloutResponse response;
    ASSERT_TRUE(stream_->Read(&response)) << stream_->Finish().error_message();
    ASSERT_TRUE(response.has_opened());
    opened = response.opened();
    spec = *EnvSpec::FromProto(opened.spec());
    for (uint32_t i = 0; i < open.num_groups(); ++i) {
      const v1::StepBatch batch = Read();
      EXPECT_EQ(batch.step(), 0);
      first[batch.group()] = batch;
    }
    EXPECT_EQ(first.size(), open.num_groups());
  }

  void SendOpen(const v1::OpenSession& open) {
    v1::RolloutRequest request;
    *request.mutable_open() = open;
    stream_->Write(request);
  }

  void SendActions(uint32_t group, uint64_t step, const std::vector<float>& values) {
    v1::Tensor tensor;
    const int64_t size = spec.action.size();
    SetTensor<float>({static_cast<int64_t>(values.size()) / size, size}, values, &tensor);
    SendTensor(group, step, tensor);
  }
  void SendTensor(uint32_t group, uint64_t step, const v1::Tensor& tensor) {
    v1::RolloutRequest request;
    request.mutable_actions()->set_group(group);
    request.mutable_actions()->set_step(step);
    *request.mutable_actions()->mutable_action() = tensor;
    stream_->Write(request);
  }

  v1::StepBatch Read() {
    v1::RolloutResponse response;
    EXPECT_TRUE(stream_->Read(&response)) << stream_->Finish().error_message();
    EXPECT_TRUE(response.has_step());
    return response.step();
  }

  void WritesDone() { stream_->WritesDone(); }

  // Drops what still comes; how the stream ended.
  grpc::Status Finish() {
    v1::RolloutResponse response;
    while (stream_->Read(&response)) {
    }
    return stream_->Finish();
  }

  void Cancel() { context_.TryCancel(); }

  v1::SessionOpened opened;
  EnvSpec spec;
  std::map<uint32_t, v1::StepBatch> first;

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::RolloutRequest, v1::RolloutResponse>> stream_;
};

std::vector<float> RandomActions(const ActionSpec& spec, int64_t count, Rng& rng) {
  std::vector<float> actions;
  for (int64_t i = 0; i < count; ++i) {
    if (spec.is_discrete()) {
      actions.push_back(static_cast<float>(rng.Index(spec.num_choices)));
      continue;
    }
    for (size_t j = 0; j < spec.low.size(); ++j) {
      // Short of the bound: at it, "faulty" breaks.
      actions.push_back(static_cast<float>(rng.Uniform(spec.low[j], spec.high[j]) * 0.99));
    }
  }
  return actions;
}

// The bytes of a batch's row: everything that belongs to the slot alone.
std::string Row(const v1::StepBatch& batch, int64_t row) {
  std::string bytes;
  const auto append = [&bytes](const v1::Tensor& tensor, int64_t index) {
    const size_t size = tensor.packed().size() / tensor.shape(0);
    bytes += tensor.packed().substr(index * size, size);
  };
  for (const v1::Tensor& tensor : batch.observation()) append(tensor, row);
  for (const v1::Tensor* tensor : {&batch.reward(), &batch.terminated(), &batch.truncated(),
                                   &batch.restarted(), &batch.is_success()}) {
    append(*tensor, row);
  }
  for (int k = 0; k < batch.final_slot_size(); ++k) {
    if (batch.final_slot(k) != row) continue;
    for (const v1::Tensor& tensor : batch.final_observation()) append(tensor, k);
  }
  return bytes;
}

std::vector<int> Flags(const v1::Tensor& tensor) {
  return std::vector<int>(tensor.packed().begin(), tensor.packed().end());
}

class ConformanceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* address = std::getenv("ARMATURE_ENV_SERVICE_ADDRESS");
    if (address == nullptr) {
      StartServer();
    } else {
      Connect(address);
    }
    if (const char* env_id = std::getenv("ARMATURE_ENV_SERVICE_ENV_ID")) env_id_ = env_id;
  }

  void StartServer(int threads = 2, absl::Duration step_timeout = absl::Hours(1)) {
    server_ = std::make_unique<TestServer>(threads, step_timeout);
    Connect(server_->address());
  }

  void Connect(const std::string& address) {
    auto channel = MakeChannel(address, {});
    ASSERT_TRUE(channel.ok()) << channel.status();
    stub_ = v1::EnvService::NewStub(*channel);
  }

  // How the server ends a stream that begins with `open`.
  grpc::Status OpenStatus(const v1::OpenSession& open) {
    Client client(stub_.get());
    client.SendOpen(open);
    return client.Finish();
  }

  // The rows of every slot over `steps` steps of random actions.
  std::vector<std::string> Play(int num_envs, int num_groups, int steps) {
    Client client(stub_.get());
    client.Open(Client::OpenMessage(env_id_, num_envs, num_groups));
    Rng rng({9});
    const int size = num_envs / num_groups;
    const int64_t row_floats = size * client.spec.action.size();
    std::vector<std::string> rows(num_envs);
    std::map<uint32_t, v1::StepBatch> batches = client.first;
    for (int step = 0; step < steps; ++step) {
      const std::vector<float> actions = RandomActions(client.spec.action, num_envs, rng);
      for (auto& [group, batch] : batches) {
        for (int row = 0; row < size; ++row) rows[group * size + row] += Row(batch, row);
        const auto begin = actions.begin() + group * row_floats;
        client.SendActions(group, step, {begin, begin + row_floats});
      }
      for (int i = 0; i < num_groups; ++i) {
        const v1::StepBatch batch = client.Read();
        batches[batch.group()] = batch;
      }
    }
    client.WritesDone();
    EXPECT_TRUE(client.Finish().ok());
    return rows;
  }

  std::string env_id_ = "point_mass";
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<v1::EnvService::Stub> stub_;
};

TEST_F(ConformanceTest, DescribeListsTheEnvironmentsSorted) {
  grpc::ClientContext context;
  v1::DescribeResponse response;
  ASSERT_TRUE(stub_->Describe(&context, {}, &response).ok());
  EXPECT_EQ(response.protocol_version(), kProtocolVersion);
  EXPECT_NE(response.server_incarnation(), 0);
  const std::vector<std::string> ids(response.env_ids().begin(), response.env_ids().end());
  EXPECT_THAT(ids, ::testing::Contains(env_id_));
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_FALSE(response.has_spec());
  EXPECT_GT(response.slots_total(), 0);
}

TEST_F(ConformanceTest, DescribeGivesTheSpecThatSessionsHave) {
  grpc::ClientContext context;
  v1::DescribeRequest request;
  request.set_env_id(env_id_);
  v1::DescribeResponse response;
  ASSERT_TRUE(stub_->Describe(&context, request, &response).ok());
  const absl::StatusOr<EnvSpec> spec = EnvSpec::FromProto(response.spec());
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->id, env_id_);
  EXPECT_EQ(response.spec_hash(), SpecHash(*spec));
  Client client(stub_.get());
  v1::OpenSession open = Client::OpenMessage(env_id_, 1);
  open.set_expected_spec_hash(response.spec_hash());
  client.Open(open);
  EXPECT_EQ(client.opened.spec_hash(), response.spec_hash());
  EXPECT_EQ(DescribeDifference(*spec, client.spec), "");
  EXPECT_EQ(client.opened.handshake().incarnation(), response.server_incarnation());
  EXPECT_TRUE(CheckHandshake(client.opened.handshake(), "").ok());
  EXPECT_GT(client.opened.lease_s(), 0);
}

TEST_F(ConformanceTest, DescribeRefusesWhatItDoesNotKnow) {
  v1::DescribeRequest request;
  request.set_env_id("no_such_env");
  v1::DescribeResponse response;
  grpc::ClientContext unknown;
  grpc::Status status = stub_->Describe(&unknown, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr(env_id_));
  request.set_env_id(env_id_);
  (*request.mutable_env_config())["no_such_key"] = "1";
  grpc::ClientContext bad_key;
  status = stub_->Describe(&bad_key, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("no_such_key"));
}

TEST_F(ConformanceTest, SameSeedGivesTheSameEpisodesInOneGroupOrTwo) {
  const std::vector<std::string> one = Play(4, 1, 60);
  EXPECT_EQ(Play(4, 1, 60), one);
  EXPECT_EQ(Play(4, 2, 60), one);
  EXPECT_NE(one[0], one[1]);
  if (server_ == nullptr) return;
  StartServer(/*threads=*/4);
  EXPECT_EQ(Play(4, 2, 60), one);
}

TEST_F(ConformanceTest, BatchesHoldWhatTheSpecSays) {
  Client client(stub_.get());
  client.Open(Client::OpenMessage(env_id_, 3));
  Rng rng({1});
  v1::StepBatch batch = client.first[0];
  int episodes = 0;
  std::vector<int64_t> lengths(3);
  for (uint64_t step = 0; step < 120; ++step) {
    EXPECT_EQ(batch.step(), step);
    ASSERT_EQ(batch.observation_size(), static_cast<int>(client.spec.observation.size()));
    const int64_t k = batch.final_slot_size();
    ASSERT_EQ(batch.final_observation_size(), k > 0 ? batch.observation_size() : 0);
    for (int i = 0; i < batch.observation_size(); ++i) {
      const FieldSpec& field = client.spec.observation[i];
      std::vector<int64_t> shape = {3};
      shape.insert(shape.end(), field.shape.begin(), field.shape.end());
      EXPECT_TRUE(CheckTensor(batch.observation(i), field.dtype, shape, field.name).ok());
      if (k == 0) continue;
      shape[0] = k;
      EXPECT_TRUE(CheckTensor(batch.final_observation(i), field.dtype, shape, field.name).ok());
    }
    EXPECT_TRUE(CheckTensor(batch.reward(), v1::DTYPE_FLOAT32, {3}, "reward").ok());
    for (const v1::Tensor* flags :
         {&batch.terminated(), &batch.truncated(), &batch.restarted(), &batch.is_success()}) {
      EXPECT_TRUE(CheckFlags(*flags, {3}, "flags").ok());
    }
    std::vector<uint32_t> ended;
    for (uint32_t slot = 0; slot < 3; ++slot) {
      lengths[slot] += step > 0;
      const bool terminated = batch.terminated().packed()[slot] != 0;
      const bool truncated = batch.truncated().packed()[slot] != 0;
      EXPECT_FALSE(terminated && truncated);
      if (!terminated && !truncated) continue;
      ended.push_back(slot);
      if (truncated) {
        EXPECT_EQ(lengths[slot], client.spec.horizon);
      }
      lengths[slot] = 0;
    }
    EXPECT_EQ(std::vector<uint32_t>(batch.final_slot().begin(), batch.final_slot().end()), ended);
    episodes += k;
    client.SendActions(0, step, RandomActions(client.spec.action, 3, rng));
    batch = client.Read();
  }
  EXPECT_GT(episodes, 0);
}

TEST_F(ConformanceTest, BadActionsEndTheSessionAndNoOther) {
  Client bystander(stub_.get());
  bystander.Open(Client::OpenMessage(env_id_, 1));
  const auto refused = [&](auto send, const std::string& expected) {
    Client client(stub_.get());
    client.Open(Client::OpenMessage(env_id_, 2, 2));
    send(client);
    const grpc::Status status = client.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(expected));
    EXPECT_THAT(status.error_message(), HasSubstr(env_id_));
  };
  const auto zeros = [](Client& client, int64_t rows) {
    return std::vector<float>(rows * client.spec.action.size());
  };
  refused([&](Client& c) { c.SendActions(0, 0, zeros(c, 2)); }, "shape");
  refused(
      [&](Client& c) {
        std::vector<float> values = zeros(c, 1);
        values.back() = NAN;
        c.SendActions(0, 0, values);
      },
      "nan");
  refused(
      [&](Client& c) {
        std::vector<float> values = zeros(c, 1);
        values.front() = INFINITY;
        c.SendActions(1, 0, values);
      },
      "inf");
  refused(
      [&](Client& c) {
        v1::Tensor tensor;
        SetTensor<double>({1, c.spec.action.size()}, std::vector<double>(c.spec.action.size()),
                          &tensor);
        c.SendTensor(0, 0, tensor);
      },
      "dtype");
  refused(
      [&](Client& c) {
        v1::Tensor tensor;
        SetTensor<float>({1, c.spec.action.size()}, zeros(c, 1), &tensor);
        tensor.mutable_packed()->pop_back();
        c.SendTensor(0, 0, tensor);
      },
      "bytes");
  refused([&](Client& c) { c.SendActions(0, 1, zeros(c, 1)); }, "step is 1, expected 0");
  refused([&](Client& c) { c.SendActions(2, 0, zeros(c, 1)); }, "group is 2, expected 0..1");
  bystander.SendActions(0, 0, std::vector<float>(bystander.spec.action.size()));
  EXPECT_EQ(bystander.Read().step(), 1);
}

TEST_F(ConformanceTest, MessagesOutOfOrderAreRefused) {
  {
    Client client(stub_.get());
    client.SendTensor(0, 0, v1::Tensor());
    EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  {
    Client client(stub_.get());
    client.Open(Client::OpenMessage(env_id_, 1));
    client.SendOpen(Client::OpenMessage(env_id_, 1));
    EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(ConformanceTest, BadOpensAreRefused) {
  EXPECT_EQ(OpenStatus(Client::OpenMessage("no_such_env", 1)).error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::OpenSession open = Client::OpenMessage(env_id_, 1);
  (*open.mutable_env_config())["no_such_key"] = "1";
  EXPECT_EQ(OpenStatus(open).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(OpenStatus(Client::OpenMessage(env_id_, 0)).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(OpenStatus(Client::OpenMessage(env_id_, 3, 2)).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(OpenStatus(Client::OpenMessage(env_id_, 3, 3)).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  open = Client::OpenMessage(env_id_, 1);
  open.set_expected_spec_hash(12345);
  grpc::Status status = OpenStatus(open);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("expected_spec_hash"));
  open = Client::OpenMessage(env_id_, 1);
  open.mutable_handshake()->set_protocol_version(kProtocolVersion + 1);
  EXPECT_EQ(OpenStatus(open).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ConformanceTest, ComputeRewardAgreesWithTheSteps) {
  Client client(stub_.get());
  client.Open(Client::OpenMessage(env_id_, 4));
  if (!client.spec.goal.has_value()) GTEST_SKIP() << env_id_ << " has no goal";
  const auto index_of = [&](const std::string& name) {
    int index = 0;
    while (client.spec.observation[index].name != name) ++index;
    return index;
  };
  const int achieved = index_of(client.spec.goal->achieved_field);
  const int desired = index_of(client.spec.goal->desired_field);
  Rng rng({2});
  for (uint64_t step = 0; step < 30; ++step) {
    client.SendActions(0, step, RandomActions(client.spec.action, 4, rng));
    const v1::StepBatch batch = client.Read();
    v1::ComputeRewardRequest request;
    request.set_env_id(env_id_);
    *request.mutable_achieved_goal() = batch.observation(achieved);
    *request.mutable_desired_goal() = batch.observation(desired);
    v1::ComputeRewardResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->ComputeReward(&context, request, &response).ok());
    for (int slot = 0; slot < 4; ++slot) {
      if (batch.terminated().packed()[slot] || batch.truncated().packed()[slot]) continue;
      EXPECT_EQ(TensorValues<float>(response.reward())[slot],
                TensorValues<float>(batch.reward())[slot]);
      EXPECT_EQ(response.terminated().packed()[slot], 0);
    }
  }
}

TEST_F(ConformanceTest, ComputeRewardRefusesBadGoals) {
  Client client(stub_.get());
  client.Open(Client::OpenMessage(env_id_, 1));
  if (!client.spec.goal.has_value()) GTEST_SKIP() << env_id_ << " has no goal";
  v1::ComputeRewardRequest request;
  request.set_env_id(env_id_);
  const std::vector<float> values(10 * 1000);
  SetTensor<float>({10, 1000}, values, request.mutable_achieved_goal());
  SetTensor<float>({10, 1000}, values, request.mutable_desired_goal());
  v1::ComputeRewardResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(stub_->ComputeReward(&context, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

// What needs environments that break on demand, or a hold on the server itself.
class EnvServiceTest : public ConformanceTest {
 protected:
  void SetUp() override { StartServer(); }

  static v1::OpenSession FaultyMessage(const std::string& fault, int num_envs, int groups = 1) {
    v1::OpenSession open = Client::OpenMessage("faulty", num_envs, groups);
    (*open.mutable_env_config())["fault"] = fault;
    return open;
  }
};

TEST_F(EnvServiceTest, TwoOutstandingActionBatchesOfAGroupAreRefused) {
  Client client(stub_.get());
  client.Open(FaultyMessage("hang", 1));
  client.SendActions(0, 0, {0, 1});
  server_->gate().WaitForWaiting(1);
  client.SendActions(0, 0, {0, 0});
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("expected one at a time"));
}

TEST_F(EnvServiceTest, OneGroupStepsWhileTheOtherIsBusy) {
  Client client(stub_.get());
  client.Open(FaultyMessage("hang", 2, 2));
  client.SendActions(0, 0, {0, 1});
  server_->gate().WaitForWaiting(1);
  client.SendActions(1, 0, {0, 0});
  EXPECT_EQ(client.Read().group(), 1);
  server_->gate().Open();
  EXPECT_EQ(client.Read().group(), 0);
}

TEST_F(EnvServiceTest, SlotsRunOutAndComeBackWhenAClientVanishes) {
  auto first = std::make_unique<Client>(stub_.get());
  first->Open(Client::OpenMessage("point_mass", 12));
  const grpc::Status refused = OpenStatus(Client::OpenMessage("point_mass", 5));
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("num_envs is 5, but 4 of 16 slots are free"));
  first->Cancel();
  server_->gate().WaitForFreed(12);
  Client second(stub_.get());
  second.Open(Client::OpenMessage("point_mass", 16));
}

TEST_F(EnvServiceTest, AClientWhoseConnectionDropsLosesItsSlotsAtOnce) {
  {
    grpc::ChannelArguments own_connection;
    own_connection.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    auto other = v1::EnvService::NewStub(grpc::CreateCustomChannel(
        server_->address(), grpc::InsecureChannelCredentials(), own_connection));
    Client client(other.get());
    client.Open(Client::OpenMessage("point_mass", 16));
  }
  server_->gate().WaitForFreed(16);
  Client next(stub_.get());
  next.Open(Client::OpenMessage("point_mass", 16));
}

TEST_F(EnvServiceTest, ASilentClientIsToldThatItsLeaseRanOut) {
  Client client(stub_.get());
  client.Open(Client::OpenMessage("point_mass", 16));
  EXPECT_EQ(client.opened.lease_s(), 30);
  server_->SetClock(31);
  EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  Client next(stub_.get());
  next.Open(Client::OpenMessage("point_mass", 16));
  EXPECT_THAT(server_->metrics(), HasSubstr("armature_envserver_leases_expired_total 1"));
}

TEST_F(EnvServiceTest, AFaultIsReportedAndCountedAndNothingElseIsDisturbed) {
  const std::map<std::string, std::string> causes = {{"throw", "threw"},
                                                     {"nan_observation", "not_finite"}};
  for (const auto& [fault, cause] : causes) {
    Client client(stub_.get());
    client.Open(FaultyMessage(fault, 3));
    client.SendActions(0, 0, {0, 0, 0, 1, 0, 0});
    const v1::StepBatch batch = client.Read();
    EXPECT_THAT(Flags(batch.restarted()), ElementsAre(0, 1, 0));
    ASSERT_EQ(batch.fault_size(), 1);
    EXPECT_THAT(batch.fault(0), HasSubstr("env faulty slot 1 step 1: "));
    EXPECT_THAT(server_->metrics(),
                HasSubstr("armature_envserver_slot_restarts_total{cause=\"" + cause + "\"} 1"));
    client.SendActions(0, 1, std::vector<float>(6));
    EXPECT_THAT(Flags(client.Read().restarted()), ElementsAre(0, 0, 0));
  }
}

TEST_F(EnvServiceTest, AHungSimulatorCostsItsOwnSlotOnly) {
  StartServer(2, absl::Milliseconds(50));
  Client client(stub_.get());
  client.Open(FaultyMessage("hang", 2));
  client.SendActions(0, 0, {0, 1, 0, 0});
  const v1::StepBatch batch = client.Read();
  EXPECT_THAT(Flags(batch.restarted()), ElementsAre(1, 0));
  EXPECT_THAT(batch.fault(0),
              HasSubstr("env faulty slot 0 step 1: no answer for 50ms; simulator replaced"));
  client.SendActions(0, 1, std::vector<float>(4));
  EXPECT_THAT(Flags(client.Read().restarted()), ElementsAre(0, 0));
}

TEST_F(EnvServiceTest, ComputeRewardNeedsAGoal) {
  v1::ComputeRewardRequest request;
  request.set_env_id("counter");
  v1::ComputeRewardResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub_->ComputeReward(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "env server testsim, env counter: the environment has no goal");
}

TEST_F(EnvServiceTest, StepsAndSlotsAreCounted) {
  Client client(stub_.get());
  client.Open(Client::OpenMessage("point_mass", 4, 2));
  client.SendActions(1, 0, {0, 0, 0, 0});
  client.Read();
  const std::string metrics = server_->metrics();
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_steps_total{env=\"point_mass\"} 2"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_slots_in_use 4"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_slots 16"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_sessions 1"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_step_duration_seconds_count 1"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_actions_wait_seconds_count 1"));
}

TEST_F(EnvServiceTest, EndingSessionsTellsTheClients) {
  Client client(stub_.get());
  client.Open(Client::OpenMessage("point_mass", 1));
  server_->service().EndSessions();
  EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(OpenStatus(Client::OpenMessage("point_mass", 1)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace armature
