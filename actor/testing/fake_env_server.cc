#include "actor/testing/fake_env_server.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/rpc/protocol.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

// The lower bound of the first component; that of the second is 0.
constexpr float kLowest = -2;

struct Slot {
  int64_t episode = 0;
  int64_t clock = 0;
  double level = 0;  // Of its episode.
};

// Concatenates the fields of one row for each entry of `slots`.
template <typename Fields>
void FillObservation(int64_t session, const std::vector<Slot>& slots, Fields* fields) {
  const int64_t n = static_cast<int64_t>(slots.size());
  double* position = ResizeTensor<double>({n, 2}, fields->Add());
  int64_t* clock = ResizeTensor<int64_t>({n}, fields->Add());
  for (int64_t i = 0; i < n; ++i) {
    position[2 * i] = static_cast<double>(session);
    position[2 * i + 1] = static_cast<double>(slots[i].episode);
    clock[i] = slots[i].clock;
  }
}

struct GroupSim {
  uint64_t step = 0;
  std::vector<Slot> slots;
};

// `level`: of the episodes that begin now.
v1::StepBatch Step(const FakeEnvServer::Options& options, int64_t session, uint32_t group,
                   double level, GroupSim* sim, bool first) {
  const int64_t n = static_cast<int64_t>(sim->slots.size());
  v1::StepBatch batch;
  if (!first) ++sim->step;
  batch.set_group(group);
  batch.set_step(sim->step);
  float* reward = ResizeTensor<float>({n}, batch.mutable_reward());
  uint8_t* truncated = ResizeTensor<uint8_t>({n}, batch.mutable_truncated());
  uint8_t* restarted = ResizeTensor<uint8_t>({n}, batch.mutable_restarted());
  uint8_t* success = ResizeTensor<uint8_t>({n}, batch.mutable_is_success());
  ResizeTensor<uint8_t>({n}, batch.mutable_terminated());
  std::vector<Slot> finals;
  for (int64_t i = 0; !first && i < n; ++i) {
    Slot& slot = sim->slots[i];
    if (options.restart_period > 0 && i == 0 && sim->step % options.restart_period == 0) {
      restarted[i] = 1;
      batch.add_fault(absl::StrCat("env line slot 0 step ", sim->step, ": on purpose"));
      slot = {slot.episode + 1, 0, level};
      continue;
    }
    ++slot.clock;
    reward[i] = static_cast<float>(slot.clock);
    if (options.horizon == 0 || slot.clock < options.horizon) continue;
    truncated[i] = 1;
    success[i] = 1;
    batch.add_final_slot(static_cast<uint32_t>(i));
    finals.push_back(slot);
    slot = {slot.episode + 1, 0, level};
  }
  if (options.sends_nan && sim->step == 3) reward[0] = std::numeric_limits<float>::quiet_NaN();
  if (options.has_level) {
    *batch.mutable_metric() = batch.reward();
    batch.mutable_metric()->add_shape(1);
    double* levels = ResizeTensor<double>({n, 1}, batch.mutable_parameter());
    for (int64_t i = 0; i < n; ++i) levels[i] = sim->slots[i].level;
  }
  if (options.executes_lowest) {
    float* executed = ResizeTensor<float>({n, 2}, batch.mutable_executed_action());
    for (int64_t i = 0; !first && i < n; ++i) {
      if (restarted[i] == 0) executed[2 * i] = kLowest;
    }
  }
  FillObservation(session, sim->slots, batch.mutable_observation());
  if (!finals.empty()) FillObservation(session, finals, batch.mutable_final_observation());
  return batch;
}

std::string StateOf(const Slot& slot) { return absl::StrCat(slot.episode, " ", slot.clock); }

v1::SlotRestored Restore(int64_t session, const v1::RestoreState& restore, Slot* slot) {
  v1::SlotRestored restored;
  restored.set_slot(restore.slot());
  const std::vector<std::string> parts = absl::StrSplit(restore.state(), ' ');
  Slot saved;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &saved.episode) ||
      !absl::SimpleAtoi(parts[1], &saved.clock)) {
    restored.set_refusal("no state of line");
    return restored;
  }
  saved.level = slot->level;
  *slot = saved;
  SetTensor<double>({2}, {static_cast<double>(session), static_cast<double>(saved.episode)},
                    restored.add_observation());
  SetTensor<int64_t>({}, {saved.clock}, restored.add_observation());
  return restored;
}

}  // namespace

EnvSpec LineSpec(int64_t horizon) {
  EnvSpec spec;
  spec.id = "line";
  spec.observation = {{"position", v1::DTYPE_FLOAT64, {2}, {}, {}},
                      {"clock", v1::DTYPE_INT64, {}, {}, {}}};
  spec.action.low = {kLowest, 0};
  spec.action.high = {4, 1};
  spec.horizon = horizon;
  spec.control_period_s = 0.1;
  spec.reports_success = true;
  return spec;
}

FakeEnvServer::FakeEnvServer(const Options& options)
    : options_(options), spec_([&options] {
        EnvSpec spec = LineSpec(options.horizon);
        spec.render = options.render;
        spec.reports_executed_action = options.executes_lowest;
        if (options.has_level) {
          spec.parameters = {{"level", 0, 1, 0.5}};
          spec.metrics = {{"reward/clock", v1::MetricSpec::AGGREGATION_SUM}};
        }
        return spec;
      }()) {
  server_.Stop();  // Only the port is taken, so that the address is known.
}

FakeEnvServer::~FakeEnvServer() { Stop(); }

void FakeEnvServer::Start() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = false;
  }
  server_.Start();
}

void FakeEnvServer::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  server_.Stop();
}

void FakeEnvServer::HoldSteps() {
  absl::MutexLock lock(&mutex_);
  holding_ = true;
}

void FakeEnvServer::ReleaseSteps() {
  absl::MutexLock lock(&mutex_);
  holding_ = false;
}

void FakeEnvServer::AwaitSessions(int64_t count) {
  absl::MutexLock lock(&mutex_);
  auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return static_cast<int64_t>(opened_.size()) >= count;
  };
  mutex_.Await(absl::Condition(&enough));
}

void FakeEnvServer::AwaitHeartbeats(int64_t count) {
  absl::MutexLock lock(&mutex_);
  auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return heartbeats_ >= count; };
  mutex_.Await(absl::Condition(&enough));
}

std::vector<v1::OpenSession> FakeEnvServer::opened() const {
  absl::MutexLock lock(&mutex_);
  return opened_;
}

std::vector<v1::SetParameters> FakeEnvServer::parameters() const {
  absl::MutexLock lock(&mutex_);
  return parameters_;
}

int64_t FakeEnvServer::open_sessions() const {
  absl::MutexLock lock(&mutex_);
  return open_sessions_;
}

absl::Duration FakeEnvServer::describe_timeout() const {
  absl::MutexLock lock(&mutex_);
  return describe_timeout_;
}

int64_t FakeEnvServer::bad_actions() const {
  absl::MutexLock lock(&mutex_);
  return bad_actions_;
}

grpc::Status FakeEnvServer::Describe(grpc::ServerContext* context,
                                     const v1::DescribeRequest* request,
                                     v1::DescribeResponse* response) {
  if (!request->env_id().empty() && request->env_id() != spec_.id) {
    return {grpc::StatusCode::NOT_FOUND,
            absl::StrCat("no environment '", request->env_id(), "'; hosted: line")};
  }
  response->set_protocol_version(kProtocolVersion);
  response->set_server_incarnation(1);
  response->add_env_ids(spec_.id);
  if (!request->env_id().empty()) {
    *response->mutable_spec() = spec_.ToProto();
    response->set_spec_hash(SpecHash(spec_));
  }
  absl::MutexLock lock(&mutex_);
  if (!request->env_id().empty()) {
    describe_timeout_ = absl::FromChrono(context->deadline()) - absl::Now();
  }
  response->set_slots_total(options_.slots);
  response->set_slots_free(options_.slots - slots_in_use_);
  return grpc::Status::OK;
}

bool FakeEnvServer::CheckAction(const v1::ActionBatch& actions, uint64_t step, int64_t size) const {
  if (actions.step() != step) return false;
  if (!CheckTensor(actions.action(), v1::DTYPE_FLOAT32, {size, 2}, "action").ok()) return false;
  const absl::Span<const float> values = TensorValues<float>(actions.action());
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < spec_.action.low[i % 2] || values[i] > spec_.action.high[i % 2]) return false;
  }
  return true;
}

grpc::Status FakeEnvServer::Rollout(
    grpc::ServerContext* /*context*/,
    grpc::ServerReaderWriter<v1::RolloutResponse, v1::RolloutRequest>* stream) {
  v1::RolloutRequest request;
  if (!stream->Read(&request)) return grpc::Status::OK;
  const v1::OpenSession open = request.open();
  if (!options_.refusal.ok()) {
    return {static_cast<grpc::StatusCode>(options_.refusal.code()),
            std::string(options_.refusal.message())};
  }
  if (options_.holds_open) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&stopping_));
    return grpc::Status::OK;
  }
  if (open.expected_spec_hash() != SpecHash(spec_)) {
    return {grpc::StatusCode::FAILED_PRECONDITION, "expected_spec_hash differs"};
  }
  int64_t session = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (slots_in_use_ + open.num_envs() > options_.slots) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, "not enough slots"};
    }
    slots_in_use_ += open.num_envs();
    ++open_sessions_;
    opened_.push_back(open);
    session = static_cast<int64_t>(opened_.size());
  }
  v1::RolloutResponse response;
  *response.mutable_opened()->mutable_handshake() = MakeHandshake("fake-envserver", 1, "");
  response.mutable_opened()->set_session_id(session);
  *response.mutable_opened()->mutable_spec() = spec_.ToProto();
  response.mutable_opened()->set_spec_hash(SpecHash(spec_));
  response.mutable_opened()->set_lease_s(options_.lease_s);
  stream->Write(response);
  const int64_t size = open.num_envs() / open.num_groups();
  std::vector<GroupSim> groups(open.num_groups());
  uint8_t frames = 0;
  double level = open.parameters().count("level") > 0 ? open.parameters().at("level") : 0.5;
  for (uint32_t group = 0; group < groups.size(); ++group) {
    groups[group].slots.assign(size, {0, 0, level});
    *response.mutable_step() =
        Step(options_, session, group, level, &groups[group], /*first=*/true);
    stream->Write(response);
  }
  while (stream->Read(&request)) {
    absl::MutexLock lock(&mutex_);
    if (request.has_heartbeat()) {
      ++heartbeats_;
      continue;
    }
    if (request.has_render()) {
      const int64_t height = options_.render->height_px - (options_.sends_small_frames ? 1 : 0);
      v1::Frame* const frame = response.mutable_frame();
      frame->set_slot(request.render().slot());
      *ResizeTensor<uint8_t>({height, options_.render->width_px, 3}, frame->mutable_rgb()) =
          ++frames;
      stream->Write(response);
      continue;
    }
    if (request.has_save()) {
      const uint32_t slot = request.save().slot();
      response.mutable_state()->set_slot(slot);
      response.mutable_state()->set_state(StateOf(groups[slot / size].slots[slot % size]));
      stream->Write(response);
      continue;
    }
    if (request.has_restore()) {
      const uint32_t slot = request.restore().slot();
      *response.mutable_restored() =
          Restore(session, request.restore(), &groups[slot / size].slots[slot % size]);
      stream->Write(response);
      continue;
    }
    if (request.has_parameters()) {
      parameters_.push_back(request.parameters());
      const auto& values = request.parameters().values();
      if (values.count("level") > 0) level = values.at("level");
      continue;
    }
    if (request.has_reset()) {
      GroupSim& sim = groups[request.reset().group()];
      for (Slot& slot : sim.slots) slot = {slot.episode + 1, 0, level};
      sim.step = 0;
      *response.mutable_step() =
          Step(options_, session, request.reset().group(), level, &sim, /*first=*/true);
      stream->Write(response);
      continue;
    }
    const v1::ActionBatch& actions = request.actions();
    GroupSim& sim = groups[actions.group()];
    if (!CheckAction(actions, sim.step, size)) ++bad_actions_;
    auto released = [this]()
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !holding_ || stopping_; };
    mutex_.Await(absl::Condition(&released));
    if (stopping_) break;  // A killed process does not answer.
    *response.mutable_step() =
        Step(options_, session, actions.group(), level, &sim, /*first=*/false);
    stream->Write(response);
  }
  absl::MutexLock lock(&mutex_);
  --open_sessions_;
  slots_in_use_ -= open.num_envs();
  return grpc::Status::OK;
}

}  // namespace armature
