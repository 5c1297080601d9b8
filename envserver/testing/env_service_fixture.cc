#include "envserver/testing/env_service_fixture.h"

#include <chrono>
#include <cstdlib>

#include "common/rpc/protocol.h"
#include "common/rpc/transport.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"

namespace armature {

using ::testing::HasSubstr;

TestServer::TestServer(int threads, absl::Duration step_timeout)
    : pool_({threads, step_timeout}), timer_([this] { return absl::Seconds(seconds_.load()); }) {
  EXPECT_TRUE(RegisterTestEnvs(registry_, gate_).ok());
  EnvServiceOptions options;
  options.server_name = "testsim";
  options.slots_total = 16;
  service_ = std::make_unique<EnvService>(options, &registry_, &pool_, &timer_, &metrics_registry_);
  server_ = *RpcServer::Start({"127.0.0.1:0"}, {}, {service_.get()});
}

TestServer::~TestServer() {
  gate_->Open();
  service_->EndSessions();
  server_->Shutdown(absl::InfiniteFuture());
}

void TestServer::SetClock(int seconds) {
  seconds_ = seconds;
  timer_.Wake();
}

RolloutClient::RolloutClient(v1::EnvService::Stub* stub) {
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  stream_ = stub->Rollout(&context_);
}

v1::OpenSession RolloutClient::OpenMessage(const std::string& env_id, int num_envs,
                                           int num_groups) {
  v1::OpenSession open;
  *open.mutable_handshake() = MakeHandshake("tester", 5, "");
  open.set_env_id(env_id);
  open.set_num_envs(num_envs);
  open.set_num_groups(num_groups);
  open.set_seed(7);
  return open;
}

void RolloutClient::Open(const v1::OpenSession& open) {
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

void RolloutClient::SendOpen(const v1::OpenSession& open) {
  v1::RolloutRequest request;
  *request.mutable_open() = open;
  stream_->Write(request);
}

void RolloutClient::SendActions(uint32_t group, uint64_t step, const std::vector<float>& values) {
  v1::Tensor tensor;
  const int64_t size = spec.action.size();
  SetTensor<float>({static_cast<int64_t>(values.size()) / size, size}, values, &tensor);
  SendTensor(group, step, tensor);
}

void RolloutClient::SendTensor(uint32_t group, uint64_t step, const v1::Tensor& tensor) {
  v1::RolloutRequest request;
  request.mutable_actions()->set_group(group);
  request.mutable_actions()->set_step(step);
  *request.mutable_actions()->mutable_action() = tensor;
  stream_->Write(request);
}

void RolloutClient::SendReset(uint32_t group, uint64_t step, std::optional<uint64_t> seed) {
  v1::RolloutRequest request;
  request.mutable_reset()->set_group(group);
  request.mutable_reset()->set_step(step);
  if (seed.has_value()) request.mutable_reset()->set_seed(*seed);
  stream_->Write(request);
}

void RolloutClient::SendReset(uint32_t group, uint64_t step,
                              const std::vector<uint64_t>& slot_seeds) {
  v1::RolloutRequest request;
  request.mutable_reset()->set_group(group);
  request.mutable_reset()->set_step(step);
  request.mutable_reset()->mutable_slot_seeds()->Add(slot_seeds.begin(), slot_seeds.end());
  stream_->Write(request);
}

void RolloutClient::SendRender(uint32_t slot, bool last_state) {
  v1::RolloutRequest request;
  request.mutable_render()->set_slot(slot);
  request.mutable_render()->set_last_state(last_state);
  stream_->Write(request);
}

void RolloutClient::SendSave(uint32_t slot) {
  v1::RolloutRequest request;
  request.mutable_save()->set_slot(slot);
  stream_->Write(request);
}

void RolloutClient::SendRestore(uint32_t slot, const std::string& state) {
  v1::RolloutRequest request;
  request.mutable_restore()->set_slot(slot);
  request.mutable_restore()->set_state(state);
  stream_->Write(request);
}

void RolloutClient::SendParameters(const std::map<std::string, double>& values,
                                   const std::vector<uint32_t>& slots) {
  v1::RolloutRequest request;
  request.mutable_parameters()->mutable_values()->insert(values.begin(), values.end());
  request.mutable_parameters()->mutable_slot()->Add(slots.begin(), slots.end());
  stream_->Write(request);
}

std::string RolloutClient::Save(uint32_t slot) {
  SendSave(slot);
  v1::RolloutResponse response;
  EXPECT_TRUE(stream_->Read(&response)) << stream_->Finish().error_message();
  EXPECT_TRUE(response.has_state());
  EXPECT_EQ(response.state().slot(), slot);
  return response.state().state();
}

v1::SlotRestored RolloutClient::Restore(uint32_t slot, const std::string& state) {
  SendRestore(slot, state);
  v1::RolloutResponse response;
  EXPECT_TRUE(stream_->Read(&response)) << stream_->Finish().error_message();
  EXPECT_TRUE(response.has_restored());
  EXPECT_EQ(response.restored().slot(), slot);
  return response.restored();
}

v1::StepBatch RolloutClient::Read() {
  v1::RolloutResponse response;
  EXPECT_TRUE(stream_->Read(&response)) << stream_->Finish().error_message();
  EXPECT_TRUE(response.has_step());
  return response.step();
}

v1::Frame RolloutClient::ReadFrame() {
  v1::RolloutResponse response;
  EXPECT_TRUE(stream_->Read(&response)) << stream_->Finish().error_message();
  EXPECT_TRUE(response.has_frame());
  return response.frame();
}

v1::StepBatch RolloutClient::Reset(const v1::StepBatch& last, std::optional<uint64_t> seed) {
  SendReset(last.group(), last.step(), seed);
  const v1::StepBatch batch = Read();
  EXPECT_EQ(batch.group(), last.group());
  EXPECT_EQ(batch.step(), 0);
  return batch;
}

grpc::Status RolloutClient::Finish() {
  v1::RolloutResponse response;
  while (stream_->Read(&response)) {
  }
  return stream_->Finish();
}

WatchClient::WatchClient(v1::EnvService::Stub* stub, uint64_t session_id, uint32_t slot,
                         double frames_per_s_max) {
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  v1::WatchRequest request;
  request.set_session_id(session_id);
  request.set_slot(slot);
  request.set_frames_per_s_max(frames_per_s_max);
  reader_ = stub->Watch(&context_, request);
}

v1::WatchResponse WatchClient::Read() {
  v1::WatchResponse response;
  EXPECT_TRUE(reader_->Read(&response)) << reader_->Finish().error_message();
  return response;
}

v1::WatchOpened WatchClient::ReadOpened() {
  const v1::WatchResponse response = Read();
  EXPECT_TRUE(response.has_opened());
  return response.opened();
}

v1::Mesh WatchClient::ReadMesh() {
  const v1::WatchResponse response = Read();
  EXPECT_TRUE(response.has_mesh());
  return response.mesh();
}

v1::PoseFrame WatchClient::ReadFrame() {
  const v1::WatchResponse response = Read();
  EXPECT_TRUE(response.has_frame());
  return response.frame();
}

grpc::Status WatchClient::Finish() {
  v1::WatchResponse response;
  while (reader_->Read(&response)) {
  }
  return reader_->Finish();
}

std::vector<float> RandomActions(const ActionSpec& spec, int64_t count, Rng& rng) {
  std::vector<float> actions;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t choices : spec.choices) {
      actions.push_back(static_cast<float>(rng.Index(choices)));
    }
    for (size_t j = 0; j < spec.low.size(); ++j) {
      // Below the bound, since "faulty" fails at it.
      actions.push_back(static_cast<float>(rng.Uniform(spec.low[j], spec.high[j]) * 0.99));
    }
  }
  return actions;
}

std::vector<float> ZeroActions(const ActionSpec& spec, int64_t count) {
  return std::vector<float>(count * spec.size());
}

namespace {

std::string TensorRow(const v1::Tensor& tensor, int64_t row) {
  const size_t size = tensor.packed().size() / tensor.shape(0);
  return tensor.packed().substr(row * size, size);
}

}  // namespace

std::string ObservationRow(const v1::StepBatch& batch, int64_t row) {
  std::string bytes;
  for (const v1::Tensor& tensor : batch.observation()) bytes += TensorRow(tensor, row);
  return bytes;
}

std::string Row(const v1::StepBatch& batch, int64_t row) {
  std::string bytes = ObservationRow(batch, row);
  for (const v1::Tensor* tensor :
       {&batch.reward(), &batch.terminated(), &batch.truncated(), &batch.restarted(),
        &batch.is_success(), &batch.metric(), &batch.parameter(), &batch.executed_action()}) {
    if (tensor->shape_size() > 0) bytes += TensorRow(*tensor, row);
  }
  for (const v1::Tensor& tensor : batch.goal_extra()) bytes += TensorRow(tensor, row);
  for (int k = 0; k < batch.final_slot_size(); ++k) {
    if (batch.final_slot(k) != row) continue;
    for (const v1::Tensor& tensor : batch.final_observation()) bytes += TensorRow(tensor, k);
  }
  return bytes;
}

std::vector<int> Flags(const v1::Tensor& tensor) {
  return std::vector<int>(tensor.packed().begin(), tensor.packed().end());
}

void ConformanceTest::SetUp() {
  if (const char* address = std::getenv("ARMATURE_ENV_SERVICE_ADDRESS")) {
    Connect(address);
  } else {
    StartServer();
    rendering_config_ = {{"render", "true"}};
  }
  if (const char* env_id = std::getenv("ARMATURE_ENV_SERVICE_ENV_ID")) {
    env_id_ = equipped_id_ = env_id;
  }
}

void ConformanceTest::StartServer(int threads, absl::Duration step_timeout) {
  server_ = std::make_unique<TestServer>(threads, step_timeout);
  Connect(server_->address());
}

void ConformanceTest::Connect(const std::string& address) {
  auto channel = MakeChannel(address, {});
  ASSERT_TRUE(channel.ok()) << channel.status();
  stub_ = v1::EnvService::NewStub(*channel);
}

grpc::Status ConformanceTest::OpenStatus(const v1::OpenSession& open) {
  RolloutClient client(stub_.get());
  client.SendOpen(open);
  return client.Finish();
}

v1::OpenSession ConformanceTest::RenderingMessage(int num_envs, int num_groups) {
  v1::OpenSession open = RolloutClient::OpenMessage(env_id_, num_envs, num_groups);
  open.mutable_env_config()->insert(rendering_config_.begin(), rendering_config_.end());
  return open;
}

void ConformanceTest::ExpectRefused(const v1::OpenSession& open,
                                    const std::function<void(RolloutClient&)>& send,
                                    const std::string& expected) {
  RolloutClient client(stub_.get());
  client.Open(open);
  send(client);
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr(expected));
  EXPECT_THAT(status.error_message(), HasSubstr(env_id_));
}

std::vector<std::string> ConformanceTest::Play(int num_envs, int num_groups, int steps) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(env_id_, num_envs, num_groups));
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

std::vector<std::string> ConformanceTest::PlayGroup(RolloutClient& client, int steps,
                                                    v1::StepBatch* batch, bool renders) {
  Rng rng({9});
  const int64_t size = batch->reward().shape(0);
  std::vector<std::string> rows(size);
  for (int step = 0; step < steps; ++step) {
    for (int64_t row = 0; row < size; ++row) rows[row] += Row(*batch, row);
    if (renders) {
      client.SendRender(static_cast<uint32_t>(batch->group() * size + step % size));
      client.ReadFrame();
    }
    client.SendActions(batch->group(), batch->step(), RandomActions(client.spec.action, size, rng));
    *batch = client.Read();
  }
  return rows;
}

}  // namespace armature
