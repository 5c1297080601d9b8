#include "envserver/slots/slot_group.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/random/rng.h"
#include "common/render/renderer.h"
#include "common/tensor/packed.h"
#include "envserver/slots/saved_state.h"

namespace armature {
namespace {

// Returns the message of the exception being handled.
std::string CurrentException() {
  try {
    throw;
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

int64_t FindNonFiniteField(const FieldSpec& field, absl::Span<const uint8_t> bytes) {
  const size_t size = bytes.size() / DTypeSize(field.dtype);
  switch (field.dtype) {
    case v1::DTYPE_FLOAT32:
      return FindNonFinite(absl::MakeConstSpan(reinterpret_cast<const float*>(bytes.data()), size));
    case v1::DTYPE_FLOAT64:
      return FindNonFinite(
          absl::MakeConstSpan(reinterpret_cast<const double*>(bytes.data()), size));
    default:
      return -1;
  }
}

double ElementAt(const FieldSpec& field, absl::Span<const uint8_t> bytes, int64_t index) {
  return field.dtype == v1::DTYPE_FLOAT32 ? reinterpret_cast<const float*>(bytes.data())[index]
                                          : reinterpret_cast<const double*>(bytes.data())[index];
}

// Names an element of a field: "'pose'[1,2]", or "'clock'" if it is a scalar.
std::string Place(const FieldSpec& field, int64_t position) {
  return absl::StrCat("'", field.name, "'",
                      field.shape.empty() ? "" : FormatIndex(position, field.shape));
}

// The environment's own picture of its present state.
absl::StatusOr<v1::Tensor> Draw(Env& env, const EnvSpec& spec) {
  v1::Tensor rgb;
  const RenderSpec& size = *spec.render;
  uint8_t* pixels = ResizeTensor<uint8_t>({size.height_px, size.width_px, 3}, &rgb);
  const absl::Status status =
      env.Render(absl::MakeSpan(pixels, size.height_px * size.width_px * 3));
  if (!status.ok()) return status;
  return rgb;
}

}  // namespace

std::vector<SlotSeed> SlotPlan::SeedsFrom(uint64_t seed, int64_t group) const {
  std::vector<SlotSeed> seeds;
  const uint64_t first = options.first_slot + group * group_size();
  for (int64_t row = 0; row < group_size(); ++row) seeds.push_back({seed, first + row});
  return seeds;
}

SlotGroup::SlotGroup(std::shared_ptr<const SlotPlan> plan, int64_t group)
    : plan_(std::move(plan)),
      group_(group),
      slots_(plan_->group_size()),
      seeds_(plan_->SeedsFrom(plan_->options.seed, group)) {
  for (std::shared_ptr<SlotBatch>& batch : batches_) {
    batch = std::make_shared<SlotBatch>(plan_->spec, size());
  }
  for (const FieldSpec& field : plan_->spec.observation) {
    final_.emplace_back(size() * field.bytes());
  }
  action_.resize(size() * plan_->spec.action.size());
  if (plan_->spec.goal.has_value()) extra_.resize(size() * plan_->spec.goal->extra_size());
  for (int64_t row = 0; row < size(); ++row) {
    slots_[row].parameters = plan_->parameters;
    parameters_.insert(parameters_.end(), plan_->parameters.begin(), plan_->parameters.end());
    if (!plan_->views.empty()) {
      slots_[row].publisher = plan_->views[group_ * size() + row]->Adopt();
    }
  }
}

SlotGroup::SlotGroup(SlotGroup& stuck) : SlotGroup(stuck.plan_, stuck.group_) {
  seeds_ = stuck.seeds_;
  parameters_ = stuck.parameters_;
  step_ = stuck.step_;
  hung_rounds_ = stuck.hung_rounds_;
  rows_ = stuck.hung_;
  std::sort(rows_.begin(), rows_.end());
  v1::StepBatch* response = batch().response.mutable_step();
  response->set_group(static_cast<uint32_t>(group_));
  response->set_step(step_);
  for (int64_t row = 0; row < size(); ++row) {
    Slot& slot = slots_[row];
    if (std::binary_search(rows_.begin(), rows_.end(), row)) {
      slot.episodes = stuck.slots_[row].episodes.load();
      continue;
    }
    Slot& healthy = stuck.slots_[row];
    slot.env = std::move(healthy.env);
    slot.episodes = healthy.episodes.load();
    slot.episode_steps = healthy.episode_steps;
    slot.return_sum = healthy.return_sum;
    slot.parameters = healthy.parameters;
    slot.ended = healthy.ended;
    slot.fault = healthy.fault;
    slot.failure = healthy.failure;
    batch().CopyRow(stuck.batch(), row);
    for (size_t i = 0; i < final_.size(); ++i) {
      const int64_t bytes = plan_->spec.observation[i].bytes();
      const auto final_row = stuck.final_[i].begin() + row * bytes;
      std::copy(final_row, final_row + bytes, final_[i].begin() + row * bytes);
    }
  }
}

void SlotGroup::PrepareReset(const std::vector<SlotSeed>& seeds) {
  step_ = 0;
  if (!seeds.empty()) {
    seeds_ = seeds;
    for (Slot& slot : slots_) slot.episodes = 0;
  }
  Prepare();
}

void SlotGroup::PrepareStep() {
  ++step_;
  Prepare();
}

void SlotGroup::Prepare() {
  rows_.clear();
  hung_rounds_ = 0;
  writing_ = 1 - writing_;
  v1::StepBatch* response = batch().response.mutable_step();
  response->set_group(static_cast<uint32_t>(group_));
  response->set_step(step_);
  response->clear_final_slot();
  response->clear_final_observation();
  response->clear_fault();
}

void SlotGroup::Run(StepPool* pool, Finished finished) {
  finished_ = std::move(finished);
  pool->Submit(shared_from_this(), rows_.empty() ? size() : static_cast<int64_t>(rows_.size()));
}

void SlotGroup::RunItem(int64_t item) {
  const int64_t row = rows_.empty() ? item : rows_[item];
  Slot& slot = slots_[row];
  batch().ClearRow(row);
  slot.restored.clear();
  slot.ended = false;
  slot.fault = Fault{};
  Fault fault;
  if (!rows_.empty()) {
    fault = {Cause::kHung,
             absl::StrCat("no answer for ", absl::FormatDuration(plan_->call_timeout))};
  } else {
    fault = step_ == 0 ? BeginEpisode(slot, row) : Step(slot, row);
  }
  const bool begins = step_ == 0 || slot.ended || fault.cause != Cause::kNone;
  if (fault.cause != Cause::kNone) Replace(slot, row, std::move(fault));
  if (begins && slot.failure.ok()) Show(slot, row, /*of_step=*/false);
  std::copy(slot.parameters.begin(), slot.parameters.end(), batch().parameter_row(row).begin());
}

SlotGroup::Fault SlotGroup::Step(Slot& slot, int64_t row) {
  SlotBatch& out = batch();
  const int64_t action_size = plan_->spec.action.size();
  StepResult result;
  try {
    result = slot.env->Step(absl::MakeConstSpan(action_.data() + row * action_size, action_size),
                            out.observation[row]);
  } catch (...) {
    return {Cause::kThrew, absl::StrCat("Step threw: ", CurrentException())};
  }
  if (!std::isfinite(result.reward)) {
    return {Cause::kNotFinite, absl::StrCat("reward is ", result.reward)};
  }
  if (Fault fault = CheckFinite(out.observation[row]); fault.cause != Cause::kNone) return fault;
  if (Fault fault = ReadReports(slot, row); fault.cause != Cause::kNone) return fault;
  ++slot.episode_steps;
  slot.return_sum += result.reward;
  const bool at_horizon = plan_->spec.horizon > 0 && slot.episode_steps >= plan_->spec.horizon;
  out.reward[row] = result.reward;
  out.terminated[row] = result.terminated;
  out.truncated[row] = !result.terminated && (result.truncated || at_horizon);
  out.is_success[row] = result.is_success;
  slot.ended = result.terminated || result.truncated || at_horizon;
  Show(slot, row, /*of_step=*/true);
  if (!slot.ended) return {};
  for (size_t i = 0; i < final_.size(); ++i) {
    const absl::Span<const uint8_t> last = out.observation[row].fields()[i];
    std::copy(last.begin(), last.end(), final_[i].begin() + row * last.size());
  }
  if (plan_->options.renders && plan_->spec.render.has_value()) KeepLastState(slot);
  return BeginEpisode(slot, row);
}

SlotGroup::Fault SlotGroup::ReadReports(Slot& slot, int64_t row) {
  const EnvSpec& spec = plan_->spec;
  const absl::Span<float> metrics = batch().metric_row(row);
  if (!metrics.empty()) {
    try {
      slot.env->ReadMetrics(metrics);
    } catch (...) {
      return {Cause::kThrew, absl::StrCat("ReadMetrics threw: ", CurrentException())};
    }
    if (const int64_t bad = FindNonFinite(metrics); bad >= 0) {
      return {Cause::kNotFinite,
              absl::StrCat("metric '", spec.metrics[bad].name, "' is ", metrics[bad])};
    }
  }
  if (Fault fault = ReadExecutedAction(slot, row); fault.cause != Cause::kNone) return fault;
  if (extra_.empty()) return {};
  const int64_t size = spec.goal->extra_size();
  const absl::Span<float> extra = absl::MakeSpan(extra_).subspan(row * size, size);
  try {
    slot.env->ReadGoalExtra(extra);
  } catch (...) {
    return {Cause::kThrew, absl::StrCat("ReadGoalExtra threw: ", CurrentException())};
  }
  if (const int64_t bad = FindNonFinite(extra); bad >= 0) {
    int64_t position = bad;
    size_t i = 0;
    while (position >= spec.goal->extra[i].size()) position -= spec.goal->extra[i++].size();
    const FieldSpec& field = spec.goal->extra[i];
    return {Cause::kNotFinite,
            absl::StrCat("goal extra ", Place(field, position), " is ", extra[bad])};
  }
  batch().SetExtra(row, extra);
  return {};
}

SlotGroup::Fault SlotGroup::ReadExecutedAction(Slot& slot, int64_t row) {
  const absl::Span<float> executed = batch().executed_row(row);
  if (executed.empty()) return {};
  try {
    slot.env->ReadExecutedAction(executed);
  } catch (...) {
    return {Cause::kThrew, absl::StrCat("ReadExecutedAction threw: ", CurrentException())};
  }
  const int64_t bad = FindOutOfBounds(plan_->spec.action, executed);
  if (bad < 0) return {};
  const ActionSpec& action = plan_->spec.action;
  return {Cause::kNotFinite,
          absl::StrCat("executed action [", bad, "] is ", executed[bad], ", expected ",
                       action.low[bad], " .. ", action.high[bad])};
}

SlotGroup::Fault SlotGroup::BeginEpisode(Slot& slot, int64_t row) {
  const VectorEnvOptions& options = plan_->options;
  absl::string_view call = "Reset";
  try {
    if (slot.env == nullptr) {
      absl::StatusOr<std::unique_ptr<Env>> env =
          plan_->registry->Make(options.env_id, options.env_config);
      if (!env.ok()) {
        return {Cause::kThrew, absl::StrCat("cannot be made: ", env.status().message())};
      }
      if (SpecHash((*env)->spec()) != plan_->spec_hash) {
        return {Cause::kThrew, absl::StrCat("has another spec than the first one made: ",
                                            DescribeDifference(plan_->spec, (*env)->spec()))};
      }
      slot.env = *std::move(env);
      if (slot.frame != nullptr) slot.frame->scene = nullptr;
      slot.last = nullptr;
    }
    const uint64_t episode = slot.episodes.fetch_add(1);
    slot.episode_steps = 0;
    slot.return_sum = 0;
    if (const int64_t count = static_cast<int64_t>(slot.parameters.size()); count > 0) {
      std::copy_n(parameters_.begin() + row * count, count, slot.parameters.begin());
      call = "SetParameters";
      slot.env->SetParameters(slot.parameters);
      call = "Reset";
    }
    const SlotSeed& seed = seeds_[row];
    slot.env->Reset(Rng({seed.seed, seed.number, episode}).Bits(), batch().observation[row]);
  } catch (...) {
    return {Cause::kThrew, absl::StrCat(call, " threw: ", CurrentException())};
  }
  return CheckFinite(batch().observation[row]);
}

void SlotGroup::Replace(Slot& slot, int64_t row, Fault fault) {
  batch().ClearRow(row);
  batch().restarted[row] = step_ > 0;  // A reset has no transition that could be void.
  slot.ended = false;
  slot.fault = std::move(fault);
  Fault again;
  for (int attempt = 0; attempt < VectorEnv::kStartAttempts; ++attempt) {
    slot.env.reset();
    again = BeginEpisode(slot, row);
    if (again.cause == Cause::kNone) return;
  }
  slot.failure = absl::InternalError(
      absl::StrCat(SlotName(row), ": ", slot.fault.what, "; ", VectorEnv::kStartAttempts,
                   " new simulators in a row failed to begin an episode, the last: ", again.what));
}

void SlotGroup::Show(Slot& slot, int64_t row, bool of_step) {
  if (plan_->views.empty()) return;
  SlotView& viewers = *plan_->views[group_ * size() + row];
  if (!viewers.watched()) return;
  if (slot.frame == nullptr) slot.frame = std::make_unique<SlotFrame>();
  SlotFrame& frame = *slot.frame;
  try {
    const int64_t shown_version = frame.view.scene_version;
    slot.env->ReadView(frame.view);
    if (frame.scene == nullptr || frame.view.scene_version != shown_version) {
      const Scene* scene = slot.env->scene();
      if (scene == nullptr) throw std::logic_error("scene() is null, but the spec has a scene");
      frame.scene = std::make_shared<const Scene>(*scene);
    }
  } catch (...) {
    return viewers.Fail(
        slot.publisher,
        absl::InternalError(absl::StrCat(SlotName(row), ": ReadView threw: ", CurrentException())));
  }
  SlotBatch& out = batch();
  const size_t action_size = of_step ? plan_->spec.action.size() : 0;
  const auto action = action_.begin() + row * plan_->spec.action.size();
  const absl::Span<const float> metrics = of_step ? out.metric_row(row) : absl::Span<float>();
  frame.episode = slot.episodes - 1;
  frame.episode_step = slot.episode_steps;
  frame.reward = of_step ? out.reward[row] : 0;
  frame.return_sum = slot.return_sum;
  frame.metrics.assign(metrics.begin(), metrics.end());
  frame.action.assign(action, action + action_size);
  frame.terminated = of_step && out.terminated[row] != 0;
  frame.truncated = of_step && out.truncated[row] != 0;
  frame.is_success = of_step && out.is_success[row] != 0;
  viewers.Publish(slot.publisher, frame);
}

SlotGroup::Fault SlotGroup::CheckFinite(const Observation& observation) const {
  for (size_t i = 0; i < plan_->spec.observation.size(); ++i) {
    const FieldSpec& field = plan_->spec.observation[i];
    const absl::Span<const uint8_t> bytes = observation.fields()[i];
    const int64_t position = FindNonFiniteField(field, bytes);
    if (position < 0) continue;
    return {Cause::kNotFinite, absl::StrCat("observation ", Place(field, position), " is ",
                                            ElementAt(field, bytes, position))};
  }
  return {};
}

std::string SlotGroup::SlotName(int64_t row) const {
  return absl::StrCat("env ", plan_->spec.id, " slot ", group_ * size() + row, " step ", step_);
}

void SlotGroup::OnHung(int64_t item) { hung_.push_back(rows_.empty() ? item : rows_[item]); }

void SlotGroup::OnFinished() {
  if (!hung_.empty()) ++hung_rounds_;
  // Moved out first so that a stuck call, which keeps this alive, does not keep the receiver alive.
  Finished finished = std::move(finished_);
  finished(shared_from_this());
}

absl::StatusOr<v1::Tensor> SlotGroup::Render(int64_t row, bool last_state) {
  const absl::StatusOr<v1::Tensor> rgb =
      last_state ? DrawLastState(*slots_[row].last) : Draw(*slots_[row].env, plan_->spec);
  if (rgb.ok()) return rgb;
  return absl::InternalError(
      absl::StrCat(SlotName(row), ": Render failed: ", rgb.status().message()));
}

void SlotGroup::KeepLastState(Slot& slot) {
  const bool is_first = slot.last == nullptr;
  if (is_first) slot.last = std::make_unique<LastState>();
  LastState& last = *slot.last;
  last.status = absl::OkStatus();
  try {
    if (!plan_->spec.has_scene) {
      absl::StatusOr<v1::Tensor> rgb = Draw(*slot.env, plan_->spec);
      last.status = rgb.status();
      if (rgb.ok()) last.rgb = *std::move(rgb);
      return;
    }
    const int64_t version = last.view.scene_version;
    slot.env->ReadView(last.view);
    if (!is_first && last.view.scene_version == version) return;
    last.scene = *slot.env->scene();
  } catch (...) {
    last.status = absl::InternalError(CurrentException());
    last.view.scene_version = -1;  // The scene is not there.
  }
}

absl::StatusOr<v1::Tensor> SlotGroup::DrawLastState(const LastState& last) const {
  if (!last.status.ok()) return last.status;
  if (!plan_->spec.has_scene) return last.rgb;
  const RenderSpec& size = *plan_->spec.render;
  SceneCamera camera = last.scene.cameras.empty() ? SceneCamera() : last.scene.cameras.front();
  camera.width_px = static_cast<int>(size.width_px);
  camera.height_px = static_cast<int>(size.height_px);
  v1::Tensor rgb;
  uint8_t* pixels = ResizeTensor<uint8_t>({size.height_px, size.width_px, 3}, &rgb);
  absl::Status status = Renderer::Shared().Draw(
      last.scene, last.view, camera, absl::MakeSpan(pixels, size.height_px * size.width_px * 3));
  if (!status.ok()) return status;
  return rgb;
}

absl::StatusOr<std::string> SlotGroup::SaveState(int64_t row) {
  Slot& slot = slots_[row];
  SavedState state;
  const absl::Status status = slot.env->SaveState(&state.env_state);
  if (!status.ok()) {
    return absl::InternalError(
        absl::StrCat(SlotName(row), ": SaveState failed: ", status.message()));
  }
  state.episode_steps = slot.episode_steps;
  state.return_sum = slot.return_sum;
  state.parameters = slot.parameters;
  state.observation = slot.restored;
  if (slot.restored.empty()) {
    for (const absl::Span<uint8_t> field : batch().observation[row].fields()) {
      state.observation.append(reinterpret_cast<const char*>(field.data()), field.size());
    }
  }
  return PackSavedState(state, plan_->spec_hash);
}

absl::StatusOr<v1::SlotRestored> SlotGroup::RestoreState(int64_t row, absl::string_view state) {
  v1::SlotRestored restored;
  restored.set_slot(static_cast<uint32_t>(group_ * size() + row));
  absl::StatusOr<SavedState> saved = ReadSavedState(state, plan_->spec, plan_->spec_hash);
  absl::Status status = saved.status();
  if (status.ok()) {
    std::vector<absl::Span<uint8_t>> fields;
    const char* from = saved->observation.data();
    for (const FieldSpec& field : plan_->spec.observation) {
      fields.emplace_back(ResizeField(field, /*rows=*/-1, restored.add_observation()),
                          field.bytes());
      std::memcpy(fields.back().data(), from, field.bytes());
      from += field.bytes();
    }
    const Fault fault = CheckFinite(Observation(std::move(fields)));
    status = fault.cause == Cause::kNone ? slots_[row].env->RestoreState(saved->env_state)
                                         : absl::InvalidArgumentError(fault.what);
  }
  if (absl::IsInvalidArgument(status)) {
    restored.clear_observation();
    restored.set_refusal(std::string(status.message()));
    return restored;
  }
  if (!status.ok()) {
    return absl::InternalError(
        absl::StrCat(SlotName(row), ": RestoreState failed: ", status.message()));
  }
  slots_[row].episode_steps = saved->episode_steps;
  slots_[row].return_sum = saved->return_sum;
  slots_[row].parameters = std::move(saved->parameters);
  slots_[row].restored = std::move(saved->observation);
  Show(slots_[row], row, /*of_step=*/false);
  return restored;
}

void SlotGroup::FreeEnv(int64_t row) {
  if (std::find(hung_.begin(), hung_.end(), row) == hung_.end()) slots_[row].env.reset();
}

std::string SlotGroup::HungSentence() const {
  return absl::StrCat(SlotName(hung_.front()), ": no answer for ",
                      absl::FormatDuration(plan_->call_timeout));
}

StepOutcome SlotGroup::Assemble() {
  StepOutcome outcome;
  v1::StepBatch* response = batch().response.mutable_step();
  for (int64_t row = 0; row < size(); ++row) {
    const Slot& slot = slots_[row];
    if (!slot.failure.ok()) outcome.status = slot.failure;
    if (slot.ended) response->add_final_slot(static_cast<uint32_t>(row));
    if (slot.fault.cause == Cause::kNone) continue;
    outcome.threw += slot.fault.cause == Cause::kThrew;
    outcome.hung += slot.fault.cause == Cause::kHung;
    outcome.not_finite += slot.fault.cause == Cause::kNotFinite;
    response->add_fault(absl::StrCat(SlotName(row), ": ", slot.fault.what, "; simulator replaced"));
  }
  outcome.episodes = response->final_slot_size();
  if (outcome.episodes > 0) {
    for (size_t i = 0; i < final_.size(); ++i) {
      const FieldSpec& field = plan_->spec.observation[i];
      uint8_t* to = ResizeField(field, outcome.episodes, response->add_final_observation());
      for (uint32_t row : response->final_slot()) {
        std::memcpy(to, final_[i].data() + row * field.bytes(), field.bytes());
        to += field.bytes();
      }
    }
  }
  const std::shared_ptr<SlotBatch>& sent = batches_[writing_];
  outcome.response = std::shared_ptr<const v1::RolloutResponse>(sent, &sent->response);
  return outcome;
}

}  // namespace armature
