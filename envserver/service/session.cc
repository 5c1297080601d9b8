#include "envserver/service/session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/rpc/protocol.h"
#include "common/spec/env_spec.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr uint32_t kGroupsMax = 2;
// More SetParameters than anybody needs before SessionOpened is sent.
constexpr size_t kEarlyParametersMax = 64;

absl::Status CameBeforeOpened(absl::string_view kind) {
  return absl::InvalidArgumentError(
      absl::StrCat(kind, " came before SessionOpened was sent, expected OpenSession first"));
}

absl::Status CameOutOfTurn(absl::string_view name, uint32_t group) {
  return absl::InvalidArgumentError(absl::StrCat(name, " came before the last message of group ",
                                                 group, " was answered, expected one at a time"));
}

// Checks whether sessions with groups of `group_size` slots of this environment are possible.
// `expected_hash` is OpenSession.expected_spec_hash.
absl::Status CheckSpec(const EnvSpec& spec, uint64_t expected_hash, int64_t group_size,
                       int64_t message_bytes_max) {
  const uint64_t hash = SpecHash(spec);
  if (expected_hash != 0 && expected_hash != hash) {
    return absl::FailedPreconditionError(
        absl::StrFormat("OpenSession.expected_spec_hash is %016x, expected this server's %016x: "
                        "another version or another env_config",
                        expected_hash, hash));
  }
  int64_t row_bytes = 0;
  for (const FieldSpec& field : spec.observation) row_bytes += field.bytes();
  row_bytes *= 2;  // Every slot may also send a final observation.
  row_bytes += spec.metrics.size() * sizeof(float) + spec.parameters.size() * sizeof(double);
  if (spec.goal.has_value()) row_bytes += spec.goal->extra_size() * sizeof(float);
  if (spec.reports_executed_action) row_bytes += spec.action.size() * sizeof(float);
  const int64_t batch_bytes = row_bytes * group_size;
  if (batch_bytes > message_bytes_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a step batch of ", group_size, " slots may take ", batch_bytes, " bytes, ",
                     message_bytes_max, " are allowed: open smaller sessions"));
  }
  return absl::OkStatus();
}

}  // namespace

Session::Session(const SessionContext* context, SessionSink* sink)
    : context_(*context), sink_(sink), heard_(context->timer->now()) {}

Session::~Session() = default;

void Session::Start() { ScheduleLease(context_.timer->now() + context_.lease); }

bool Session::OnMessage(const v1::RolloutRequest& request) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return false;
  heard_ = context_.timer->now();
  switch (request.kind_case()) {
    case v1::RolloutRequest::kOpen:
      OnOpen(request.open());
      break;
    case v1::RolloutRequest::kActions:
      OnActions(request.actions());
      break;
    case v1::RolloutRequest::kReset:
      OnReset(request.reset());
      break;
    case v1::RolloutRequest::kRender:
      OnRender(request.render());
      break;
    case v1::RolloutRequest::kSave:
      OnSave(request.save());
      break;
    case v1::RolloutRequest::kRestore:
      OnRestore(request.restore());
      break;
    case v1::RolloutRequest::kParameters:
      OnParameters(request.parameters());
      break;
    case v1::RolloutRequest::kHeartbeat:
      break;
    case v1::RolloutRequest::KIND_NOT_SET:
      Refuse(
          absl::InvalidArgumentError("RolloutRequest is empty, expected open, actions, reset, "
                                     "render, save, restore, parameters "
                                     "or heartbeat"));
      break;
  }
  return !ended_;
}

absl::Status Session::CheckOpen(const v1::OpenSession& open) const {
  if (absl::Status status = CheckHandshake(open.handshake(), /*run_id=*/""); !status.ok()) {
    return status;
  }
  if (open.num_envs() == 0) {
    return absl::InvalidArgumentError("OpenSession.num_envs is 0, expected at least 1");
  }
  if (open.num_groups() < 1 || open.num_groups() > kGroupsMax) {
    return absl::InvalidArgumentError(absl::StrCat("OpenSession.num_groups is ", open.num_groups(),
                                                   ", expected 1..", kGroupsMax));
  }
  if (open.num_envs() % open.num_groups() != 0) {
    return absl::InvalidArgumentError(absl::StrCat("OpenSession.num_envs is ", open.num_envs(),
                                                   ", expected a multiple of num_groups, ",
                                                   open.num_groups()));
  }
  if (const int64_t stuck = context_.pool->abandoned(); stuck > context_.abandoned_max) {
    return absl::UnavailableError(absl::StrCat(stuck, " simulator calls hang on this server, ",
                                               context_.abandoned_max, " are allowed: restart it"));
  }
  return absl::OkStatus();
}

void Session::OnOpen(const v1::OpenSession& open) {
  if (opening_ || env_ != nullptr) {
    return Refuse(absl::InvalidArgumentError("OpenSession came twice, expected once"));
  }
  client_ = open.handshake().peer_name();
  env_id_ = open.env_id();
  if (absl::Status status = CheckOpen(open); !status.ok()) return Refuse(status);
  auto grant = context_.table->Acquire(open.num_envs(),
                                       [weak = weak_from_this()](const absl::Status& status) {
                                         if (const std::shared_ptr<Session> self = weak.lock()) {
                                           absl::MutexLock lock(&self->mutex_);
                                           self->End(status);
                                         }
                                       });
  if (!grant.ok()) return Refuse(grant.status());
  grant_ = *std::move(grant);
  opening_ = true;
  VectorEnvOptions options;
  options.env_id = open.env_id();
  options.env_config = {open.env_config().begin(), open.env_config().end()};
  options.num_envs = open.num_envs();
  options.num_groups = open.num_groups();
  options.seed = open.seed();
  options.first_slot = open.first_slot();
  options.parameters = {open.parameters().begin(), open.parameters().end()};
  options.renders = open.renders();
  options.abandoned_max = context_.abandoned_max;
  VectorEnv::Open(
      context_.registry, context_.pool, std::move(options),
      [expected_hash = open.expected_spec_hash(),
       group_size = int64_t{open.num_envs() / open.num_groups()},
       message_bytes_max = context_.message_bytes_max](const EnvSpec& spec) {
        return CheckSpec(spec, expected_hash, group_size, message_bytes_max);
      },
      [self = shared_from_this()](absl::StatusOr<std::shared_ptr<VectorEnv>> env) {
        self->OnOpened(std::move(env));
      });
}

void Session::OnOpened(absl::StatusOr<std::shared_ptr<VectorEnv>> env) {
  absl::MutexLock lock(&mutex_);
  opening_ = false;
  if (ended_) {
    if (env.ok()) (*env)->Close();
    return;
  }
  if (!env.ok()) return Refuse(env.status());
  env_ = *std::move(env);
  context_.table->Show(grant_->session_id(), client_, env_);
  auto response = std::make_shared<v1::RolloutResponse>();
  v1::SessionOpened* opened = response->mutable_opened();
  *opened->mutable_handshake() = MakeHandshake(context_.server_name, context_.incarnation, "");
  opened->set_session_id(grant_->session_id());
  *opened->mutable_spec() = env_->spec().ToProto();
  opened->set_spec_hash(env_->spec_hash());
  opened->set_lease_s(absl::ToDoubleSeconds(context_.lease));
  outbox_.push_back({std::nullopt, std::move(response)});
  groups_.resize(env_->num_groups());
  for (int64_t group = 0; group < env_->num_groups(); ++group) {
    ResetGroup(group, {});
  }
  // After the resets: they are for the episodes after those that `open` has begun.
  for (const v1::SetParameters& parameters : early_parameters_) {
    OnParameters(parameters);
    if (ended_) return;
  }
  early_parameters_.clear();
  spdlog::info("session {}: {} opened {} slots of {}", grant_->session_id(), client_,
               env_->num_groups() * env_->group_size(), env_id_);
  Send();
}

absl::Status Session::CheckTurn(absl::string_view kind, uint32_t group, uint64_t step) const {
  if (env_ == nullptr) return CameBeforeOpened(kind);
  if (group >= groups_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kind, ".group is ", group, ", expected 0..", groups_.size() - 1));
  }
  const std::string name = absl::StrCat(kind, " of group ", group);
  if (groups_[group].turn != Turn::kClient) return CameOutOfTurn(name, group);
  if (step != groups_[group].step) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": step is ", step, ", expected ", groups_[group].step));
  }
  return absl::OkStatus();
}

void Session::OnActions(const v1::ActionBatch& actions) {
  absl::Status status = CheckTurn("ActionBatch", actions.group(), actions.step());
  if (!status.ok()) return Refuse(status);
  status = env_->StepGroup(actions.group(), actions.action(),
                           [self = shared_from_this(), group = actions.group()](
                               const StepOutcome& outcome) { self->OnStepped(group, outcome); });
  if (!status.ok()) {
    return Refuse(
        absl::Status(status.code(), absl::StrCat("ActionBatch of group ", actions.group(), " step ",
                                                 actions.step(), ": ", status.message())));
  }
  context_.metrics->actions_wait.Observe(
      absl::ToDoubleSeconds(heard_ - groups_[actions.group()].since));
  BeginServersTurn(actions.group());
}

void Session::OnReset(const v1::ResetGroup& reset) {
  if (absl::Status status = CheckTurn("ResetGroup", reset.group(), reset.step()); !status.ok()) {
    return Refuse(status);
  }
  const int64_t each = reset.slot_seeds_size();
  if (each > 0 && (reset.has_seed() || each != env_->group_size())) {
    return Refuse(absl::InvalidArgumentError(
        absl::StrCat("ResetGroup of group ", reset.group(), ": ", each, " slot_seeds",
                     reset.has_seed() ? " beside a seed" : "", ", expected none or ",
                     env_->group_size(), " and no seed")));
  }
  std::vector<SlotSeed> seeds;
  if (reset.has_seed()) seeds = env_->SeedsFrom(reset.seed(), reset.group());
  for (uint64_t seed : reset.slot_seeds()) seeds.push_back({seed, /*number=*/0});
  ResetGroup(reset.group(), std::move(seeds));
  BeginServersTurn(reset.group());
}

void Session::ResetGroup(uint32_t group, std::vector<SlotSeed> seeds) {
  env_->ResetGroup(group, std::move(seeds),
                   [self = shared_from_this(), group](const StepOutcome& outcome) {
                     self->OnStepped(group, outcome);
                   });
}

absl::Status Session::CheckSlotTurn(absl::string_view kind, uint32_t slot) const {
  if (env_ == nullptr) return CameBeforeOpened(kind);
  if (const int64_t slots = env_->num_groups() * env_->group_size(); slot >= slots) {
    return absl::InvalidArgumentError(
        absl::StrCat(kind, ".slot is ", slot, ", expected 0..", slots - 1));
  }
  const auto group = static_cast<uint32_t>(slot / env_->group_size());
  if (groups_[group].turn == Turn::kClient) return absl::OkStatus();
  return CameOutOfTurn(absl::StrCat(kind, " of slot ", slot), group);
}

absl::Status Session::CheckFrameSize() const {
  if (!env_->spec().render.has_value()) return absl::OkStatus();  // Render returns the error.
  const RenderSpec& size = *env_->spec().render;
  const int64_t bytes = size.width_px * size.height_px * 3;
  if (bytes <= context_.message_bytes_max) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("a frame of ", size.width_px, " x ", size.height_px, " pixels takes ", bytes,
                   " bytes, ", context_.message_bytes_max, " are allowed"));
}

void Session::OnRender(const v1::RenderRequest& render) {
  const uint32_t slot = render.slot();
  absl::Status status = CheckSlotTurn("RenderRequest", slot);
  if (status.ok()) status = CheckFrameSize();
  if (status.ok()) {
    status =
        env_->Render(slot, render.last_state(),
                     [self = shared_from_this(), slot](absl::StatusOr<v1::Tensor> rgb) {
                       self->OnSlotAnswer(slot, rgb.status(), [&](v1::RolloutResponse* response) {
                         response->mutable_frame()->set_slot(slot);
                         *response->mutable_frame()->mutable_rgb() = *std::move(rgb);
                       });
                     });
  }
  if (!status.ok()) return Refuse(status);
  BeginServersTurn(static_cast<uint32_t>(slot / env_->group_size()));
}

void Session::OnSave(const v1::SaveState& save) {
  const uint32_t slot = save.slot();
  absl::Status status = CheckSlotTurn("SaveState", slot);
  if (status.ok()) {
    status =
        env_->SaveState(slot, [self = shared_from_this(), slot](absl::StatusOr<std::string> state) {
          const int64_t bytes_max = self->context_.message_bytes_max;
          if (state.ok() && static_cast<int64_t>(state->size()) > bytes_max) {
            state = absl::ResourceExhaustedError(absl::StrCat(
                "the state takes ", state->size(), " bytes, ", bytes_max, " are allowed"));
          }
          self->OnSlotAnswer(slot, state.status(), [&](v1::RolloutResponse* response) {
            response->mutable_state()->set_slot(slot);
            response->mutable_state()->set_state(*std::move(state));
          });
        });
  }
  if (!status.ok()) return Refuse(status);
  BeginServersTurn(static_cast<uint32_t>(slot / env_->group_size()));
}

void Session::OnRestore(const v1::RestoreState& restore) {
  const uint32_t slot = restore.slot();
  absl::Status status = CheckSlotTurn("RestoreState", slot);
  if (status.ok()) {
    status = env_->RestoreState(
        slot, restore.state(),
        [self = shared_from_this(), slot](absl::StatusOr<v1::SlotRestored> restored) {
          self->OnSlotAnswer(slot, restored.status(), [&](v1::RolloutResponse* response) {
            *response->mutable_restored() = *std::move(restored);
          });
        });
  }
  if (!status.ok()) return Refuse(status);
  BeginServersTurn(static_cast<uint32_t>(slot / env_->group_size()));
}

void Session::OnParameters(const v1::SetParameters& parameters) {
  if (env_ == nullptr && opening_ && early_parameters_.size() < kEarlyParametersMax) {
    early_parameters_.push_back(parameters);
    return;
  }
  if (env_ == nullptr) return Refuse(CameBeforeOpened("SetParameters"));
  const std::vector<uint32_t> slots(parameters.slot().begin(), parameters.slot().end());
  const absl::Status status =
      env_->SetParameters({parameters.values().begin(), parameters.values().end()}, slots);
  if (status.ok()) return;
  Refuse(absl::Status(status.code(), absl::StrCat("SetParameters: ", status.message())));
}

void Session::BeginServersTurn(uint32_t group) {
  groups_[group].turn = Turn::kServer;
  groups_[group].since = heard_;
}

void Session::OnStepped(int64_t group, const StepOutcome& outcome) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  const bool first = outcome.status.ok() && outcome.response->step().step() == 0;
  context_.metrics->CountStep(env_id_, outcome.status.ok() ? env_->group_size() : 0, first,
                              outcome);
  if (!outcome.status.ok()) return Refuse(outcome.status);
  if (!first) {
    context_.metrics->step_duration.Observe(
        absl::ToDoubleSeconds(context_.timer->now() - groups_[group].since));
  }
  LogFaults(outcome.response->step());
  Queue(group, outcome.response);
}

void Session::OnSlotAnswer(uint32_t slot, const absl::Status& status,
                           const std::function<void(v1::RolloutResponse*)>& fill) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  if (!status.ok()) return Refuse(status);
  auto response = std::make_shared<v1::RolloutResponse>();
  fill(response.get());
  Queue(slot / env_->group_size(), std::move(response));
}

void Session::Queue(int64_t group, std::shared_ptr<const v1::RolloutResponse> response) {
  groups_[group].turn = Turn::kQueued;
  outbox_.push_back({group, std::move(response)});
  Send();
}

void Session::OnWritten(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = nullptr;
  if (ended_) {
    if (sink_ != nullptr) sink_->End(end_status_);
    return;
  }
  if (!ok) return End(absl::CancelledError("the stream broke"));
  Send();
}

void Session::OnHalfClose() {
  absl::MutexLock lock(&mutex_);
  half_closed_ = true;
  Send();
}

void Session::OnBroken() {
  absl::MutexLock lock(&mutex_);
  End(absl::CancelledError("the client ended the stream"));
}

void Session::OnClosed() {
  absl::MutexLock lock(&mutex_);
  sink_ = nullptr;
}

void Session::Send() {
  if (ended_ || writing_ != nullptr) return;
  if (outbox_.empty()) {
    if (half_closed_ && AllAnswered()) End(absl::OkStatus());
    return;
  }
  const Answer answer = std::move(outbox_.front());
  outbox_.pop_front();
  writing_ = answer.response;
  heard_ = context_.timer->now();
  if (answer.group.has_value()) {
    // Only from now on may the client answer. Earlier, it could make the step after the next one
    // overwrite a batch that is still being sent.
    Group& group = groups_[*answer.group];
    group.turn = Turn::kClient;
    if (writing_->has_step()) group.step = writing_->step().step();
    group.since = heard_;
  }
  sink_->Write(*writing_);
}

bool Session::AllAnswered() const {
  if (opening_) return false;
  for (const Group& group : groups_) {
    if (group.turn != Turn::kClient) return false;
  }
  return true;
}

void Session::Refuse(const absl::Status& status) {
  if (ended_) return;
  context_.metrics->CountRefusal(status);
  std::string place = absl::StrCat("env server ", context_.server_name);
  if (!env_id_.empty()) absl::StrAppend(&place, ", env ", env_id_);
  End(absl::Status(status.code(), absl::StrCat(place, ": ", status.message())));
}

void Session::End(const absl::Status& status) {
  if (ended_) return;
  ended_ = true;
  end_status_ = status;
  spdlog::log(status.ok() || absl::IsCancelled(status) ? spdlog::level::info : spdlog::level::warn,
              "session {} of {} ended: {}", grant_ == nullptr ? 0 : grant_->session_id(),
              client_.empty() ? "an unnamed client" : client_, status.ToString());
  // A write in progress has one more lease before it is cut off.
  if (writing_ != nullptr) ScheduleLease(context_.timer->now() + context_.lease);
  grant_ = nullptr;
  if (env_ != nullptr) env_->Close();
  outbox_.clear();
  if (writing_ == nullptr && sink_ != nullptr) sink_->End(status);
}

void Session::ScheduleLease(absl::Duration deadline) {
  context_.timer->Schedule(deadline, [weak = weak_from_this()] {
    if (const std::shared_ptr<Session> self = weak.lock()) self->OnLeaseDue();
  });
}

void Session::OnLeaseDue() {
  absl::MutexLock lock(&mutex_);
  if (ended_) {
    if (writing_ != nullptr && sink_ != nullptr) sink_->Abort();
    return;
  }
  const absl::Duration now = context_.timer->now();
  bool servers_turn = opening_;
  for (const Group& group : groups_) servers_turn |= group.turn == Turn::kServer;
  const absl::Duration deadline = (servers_turn ? now : heard_) + context_.lease;
  if (now < deadline) return ScheduleLease(deadline);
  context_.metrics->leases_expired.Increment();
  End(absl::DeadlineExceededError(
      absl::StrCat("env server ", context_.server_name, ": nothing came for ",
                   absl::FormatDuration(context_.lease), ": the session lost its slots")));
}

void Session::LogFaults(const v1::StepBatch& batch) {
  for (const std::string& fault : batch.fault()) {
    // Logs the 1st, 2nd, 4th, 8th ... fault, so that a simulator that always fails does not fill
    // the log.
    ++faults_;
    if ((faults_ & (faults_ - 1)) == 0) {
      spdlog::warn("session {}: {} ({} so far)", grant_->session_id(), fault, faults_);
    }
  }
}

}  // namespace armature
