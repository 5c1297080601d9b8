#include "envserver/slots/slot_group.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/random/rng.h"
#include "common/tensor/packed.h"

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

// Resizes `tensor` to [rows, field shape...], filled with zeros; returns its first byte.
uint8_t* ResizeField(const FieldSpec& field, int64_t rows, v1::Tensor* tensor) {
  tensor->set_dtype(field.dtype);
  tensor->clear_shape();
  tensor->add_shape(static_cast<uint32_t>(rows));
  for (int64_t extent : field.shape) tensor->add_shape(static_cast<uint32_t>(extent));
  tensor->mutable_packed()->assign(rows * field.bytes(), '\0');
  return reinterpret_cast<uint8_t*>(&(*tensor->mutable_packed())[0]);
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

}  // namespace

SlotGroup::Buffer::Buffer(const SlotPlan& plan, int64_t size) {
  v1::StepBatch* batch = response.mutable_step();
  std::vector<uint8_t*> starts;
  for (const FieldSpec& field : plan.spec.observation) {
    starts.push_back(ResizeField(field, size, batch->add_observation()));
  }
  for (int64_t row = 0; row < size; ++row) {
    std::vector<absl::Span<uint8_t>> fields;
    for (size_t i = 0; i < starts.size(); ++i) {
      const int64_t bytes = plan.spec.observation[i].bytes();
      fields.emplace_back(starts[i] + row * bytes, bytes);
    }
    observation.emplace_back(std::move(fields));
  }
  reward = ResizeTensor<float>({size}, batch->mutable_reward());
  terminated = ResizeTensor<uint8_t>({size}, batch->mutable_terminated());
  truncated = ResizeTensor<uint8_t>({size}, batch->mutable_truncated());
  restarted = ResizeTensor<uint8_t>({size}, batch->mutable_restarted());
  is_success = ResizeTensor<uint8_t>({size}, batch->mutable_is_success());
}

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
  for (std::shared_ptr<Buffer>& buffer : buffers_) {
    buffer = std::make_shared<Buffer>(*plan_, size());
  }
  for (const FieldSpec& field : plan_->spec.observation) {
    final_.emplace_back(size() * field.bytes());
  }
  action_.resize(size() * plan_->spec.action.size());
}

SlotGroup::SlotGroup(SlotGroup& stuck) : SlotGroup(stuck.plan_, stuck.group_) {
  seeds_ = stuck.seeds_;
  step_ = stuck.step_;
  hung_rounds_ = stuck.hung_rounds_;
  rows_ = stuck.hung_;
  std::sort(rows_.begin(), rows_.end());
  v1::StepBatch* batch = buffer().response.mutable_step();
  batch->set_group(static_cast<uint32_t>(group_));
  batch->set_step(step_);
  Buffer& from = stuck.buffer();
  Buffer& to = buffer();
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
    slot.ended = healthy.ended;
    slot.fault = healthy.fault;
    slot.failure = healthy.failure;
    for (size_t i = 0; i < final_.size(); ++i) {
      const absl::Span<uint8_t> observation = from.observation[row].fields()[i];
      std::copy(observation.begin(), observation.end(), to.observation[row].fields()[i].begin());
      const auto final_row = stuck.final_[i].begin() + row * observation.size();
      std::copy(final_row, final_row + observation.size(),
                final_[i].begin() + row * observation.size());
    }
    to.reward[row] = from.reward[row];
    to.terminated[row] = from.terminated[row];
    to.truncated[row] = from.truncated[row];
    to.restarted[row] = from.restarted[row];
    to.is_success[row] = from.is_success[row];
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
  v1::StepBatch* batch = buffer().response.mutable_step();
  batch->set_group(static_cast<uint32_t>(group_));
  batch->set_step(step_);
  batch->clear_final_slot();
  batch->clear_final_observation();
  batch->clear_fault();
}

void SlotGroup::Run(StepPool* pool, Finished finished) {
  finished_ = std::move(finished);
  pool->Submit(shared_from_this(), rows_.empty() ? size() : static_cast<int64_t>(rows_.size()));
}

void SlotGroup::RunItem(int64_t item) {
  const int64_t row = rows_.empty() ? item : rows_[item];
  Slot& slot = slots_[row];
  Buffer& out = buffer();
  out.reward[row] = 0;
  out.terminated[row] = out.truncated[row] = out.restarted[row] = out.is_success[row] = 0;
  slot.ended = false;
  slot.fault = Fault{};
  Fault fault;
  if (!rows_.empty()) {
    fault = {Cause::kHung,
             absl::StrCat("no answer for ", absl::FormatDuration(plan_->call_timeout))};
  } else {
    fault = step_ == 0 ? BeginEpisode(slot, row) : Step(slot, row);
  }
  if (fault.cause != Cause::kNone) Replace(slot, row, std::move(fault));
}

SlotGroup::Fault SlotGroup::Step(Slot& slot, int64_t row) {
  Buffer& out = buffer();
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
  if (Fault fault = CheckFinite(row); fault.cause != Cause::kNone) return fault;
  ++slot.episode_steps;
  const bool at_horizon = plan_->spec.horizon > 0 && slot.episode_steps >= plan_->spec.horizon;
  out.reward[row] = result.reward;
  out.terminated[row] = result.terminated;
  out.truncated[row] = !result.terminated && (result.truncated || at_horizon);
  out.is_success[row] = result.is_success;
  slot.ended = result.terminated || result.truncated || at_horizon;
  if (!slot.ended) return {};
  for (size_t i = 0; i < final_.size(); ++i) {
    const absl::Span<const uint8_t> last = out.observation[row].fields()[i];
    std::copy(last.begin(), last.end(), final_[i].begin() + row * last.size());
  }
  return BeginEpisode(slot, row);
}

SlotGroup::Fault SlotGroup::BeginEpisode(Slot& slot, int64_t row) {
  const VectorEnvOptions& options = plan_->options;
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
    }
    const uint64_t episode = slot.episodes.fetch_add(1);
    slot.episode_steps = 0;
    const SlotSeed& seed = seeds_[row];
    slot.env->Reset(Rng({seed.seed, seed.number, episode}).Bits(), buffer().observation[row]);
  } catch (...) {
    return {Cause::kThrew, absl::StrCat("Reset threw: ", CurrentException())};
  }
  return CheckFinite(row);
}

void SlotGroup::Replace(Slot& slot, int64_t row, Fault fault) {
  Buffer& out = buffer();
  out.reward[row] = 0;
  out.terminated[row] = out.truncated[row] = out.is_success[row] = 0;
  out.restarted[row] = step_ > 0;  // A reset has no transition that could be void.
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

SlotGroup::Fault SlotGroup::CheckFinite(int64_t row) const {
  for (size_t i = 0; i < plan_->spec.observation.size(); ++i) {
    const FieldSpec& field = plan_->spec.observation[i];
    const absl::Span<const uint8_t> bytes = buffer().observation[row].fields()[i];
    const int64_t position = FindNonFiniteField(field, bytes);
    if (position < 0) continue;
    return {Cause::kNotFinite,
            absl::StrCat("observation '", field.name, "'", FormatIndex(position, field.shape),
                         " is ", ElementAt(field, bytes, position))};
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

absl::StatusOr<v1::Tensor> SlotGroup::Render(int64_t row) {
  v1::Tensor rgb;
  const RenderSpec& size = *plan_->spec.render;
  const int64_t bytes = size.height_px * size.width_px * 3;
  uint8_t* pixels = ResizeTensor<uint8_t>({size.height_px, size.width_px, 3}, &rgb);
  const absl::Status status = slots_[row].env->Render(absl::MakeSpan(pixels, bytes));
  if (status.ok()) return rgb;
  return absl::InternalError(absl::StrCat(SlotName(row), ": Render failed: ", status.message()));
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
  v1::StepBatch* batch = buffer().response.mutable_step();
  for (int64_t row = 0; row < size(); ++row) {
    const Slot& slot = slots_[row];
    if (!slot.failure.ok()) outcome.status = slot.failure;
    if (slot.ended) batch->add_final_slot(static_cast<uint32_t>(row));
    if (slot.fault.cause == Cause::kNone) continue;
    outcome.threw += slot.fault.cause == Cause::kThrew;
    outcome.hung += slot.fault.cause == Cause::kHung;
    outcome.not_finite += slot.fault.cause == Cause::kNotFinite;
    batch->add_fault(absl::StrCat(SlotName(row), ": ", slot.fault.what, "; simulator replaced"));
  }
  outcome.episodes = batch->final_slot_size();
  if (outcome.episodes > 0) {
    for (size_t i = 0; i < final_.size(); ++i) {
      const FieldSpec& field = plan_->spec.observation[i];
      uint8_t* to = ResizeField(field, outcome.episodes, batch->add_final_observation());
      for (uint32_t row : batch->final_slot()) {
        std::memcpy(to, final_[i].data() + row * field.bytes(), field.bytes());
        to += field.bytes();
      }
    }
  }
  const std::shared_ptr<Buffer>& sent = buffers_[writing_];
  outcome.response = std::shared_ptr<const v1::RolloutResponse>(sent, &sent->response);
  return outcome;
}

}  // namespace armature
