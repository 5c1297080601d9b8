#include "learner/replay/replay_store.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "learner/replay/uniform_sampler.h"

namespace armature {
namespace {

constexpr double kMebibyte = 1 << 20;

// Rows of Batch::index and Batch::scalars.
enum IndexRow { kRow, kNextRow, kGoalRow, kIndexRows };
enum ScalarRow { kReward, kTerminated, kDiscount, kWeight, kScalarRows };

std::unique_ptr<RowSampler> MakeSampler(const ReplayStore::Options& options,
                                        const EpisodeLinks* links) {
  if (!options.prioritized.has_value()) return std::make_unique<UniformSampler>(links);
  return std::make_unique<PrioritizedSampler>(*options.prioritized, links);
}

int64_t ExtraSize(const ReplayStore::Options& options) {
  return options.hindsight.has_value() ? options.hindsight->extra_size : 0;
}

int64_t ObservationSize(const ReplayStore::Options& options) {
  int64_t size = 0;
  for (const ObservationField& field : options.observation) size += field.size;
  return size;
}

absl::Status ValidateHindsight(const ReplayStore::Options& options) {
  const ReplayStore::Hindsight& hindsight = *options.hindsight;
  const GoalColumns& goals = hindsight.goals;
  if (options.n_step != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "replay: n_step=", options.n_step,
        " with hindsight: a relabelled step has a reward of its own only; use n_step=1"));
  }
  if (!(hindsight.k > 0) || goals.size < 1 || hindsight.batches_ahead < 1 ||
      hindsight.reward == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "replay: hindsight needs k > 0, not ", hindsight.k, ", goal_size > 0, not ", goals.size,
        ", batches_ahead > 0, not ", hindsight.batches_ahead, ", and a reward function"));
  }
  for (const int64_t begin : {goals.achieved_begin, goals.desired_begin}) {
    int64_t field_begin = 0;
    bool is_held = false;
    for (const ObservationField& field : options.observation) {
      is_held |= begin >= field_begin && begin + goals.size <= field_begin + field.size;
      field_begin += field.size;
    }
    if (!is_held) {
      return absl::InvalidArgumentError(absl::StrCat("replay: goal at columns ", begin, " .. ",
                                                     begin + goals.size - 1,
                                                     " is not within one observation field"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

uint64_t ActorNumber(absl::string_view name, uint64_t incarnation) {
  uint64_t number = 0xcbf29ce484222325;  // FNV-1a.
  auto add = [&number](unsigned char byte) { number = (number ^ byte) * 0x100000001b3; };
  for (const char c : name) add(static_cast<unsigned char>(c));
  for (int shift = 0; shift < 64; shift += 8) add(static_cast<unsigned char>(incarnation >> shift));
  return number;
}

absl::StatusOr<ReplayStore::Hindsight> ReplayStore::HindsightOf(const EnvSpec& env) {
  const std::optional<GoalColumns> goals = FindGoalColumns(env);
  if (!goals.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("environment \"", env.id, "\" has no goals: hindsight needs them"));
  }
  Hindsight hindsight;
  hindsight.goals = *goals;
  hindsight.extra_size = env.goal->extra_size();
  return hindsight;
}

int64_t ReplayStore::BytesPerRow(const Options& options) {
  const int64_t sampler_bytes = options.prioritized.has_value() ? PrioritizedSampler::kBytesPerRow
                                                                : UniformSampler::kBytesPerRow;
  return ObservationStore::BytesPerRow(options.observation, options.float_type) +
         (options.action_size + ExtraSize(options)) * static_cast<int64_t>(sizeof(float)) +
         EpisodeLinks::BytesPerRow(options.hindsight.has_value()) + sampler_bytes;
}

int64_t ReplayStore::StreamBytes(const Options& options) {
  return options.streams_max * EpisodeLinks::BytesPerStream();
}

absl::Status ReplayStore::Validate(const Options& options) {
  for (const auto& [name, value] :
       {std::pair<const char*, int64_t>{"observation_size", ObservationSize(options)},
        {"action_size", options.action_size},
        {"rows_max", options.rows_max},
        {"streams_max", options.streams_max},
        {"n_step", options.n_step}}) {
    if (value < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("replay: ", name, "=", value, " must be positive"));
    }
  }
  if (!(options.gamma >= 0 && options.gamma <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("replay: gamma=", options.gamma, " must be in [0, 1]"));
  }
  if (options.prioritized.has_value()) {
    if (absl::Status status = options.prioritized->Validate(); !status.ok()) return status;
  }
  return options.hindsight.has_value() ? ValidateHindsight(options) : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ReplayStore>> ReplayStore::Create(const Options& options) {
  if (absl::Status status = Validate(options); !status.ok()) return status;
  const int64_t row_bytes = BytesPerRow(options);
  const int64_t rows_bytes = std::max<int64_t>(0, options.budget_bytes - StreamBytes(options));
  const int64_t capacity =
      std::min({options.rows_max, rows_bytes / row_bytes, EpisodeLinks::kCapacityMax});
  // A step takes at least two rows: its own and its next observation's.
  const int64_t needed = std::max<int64_t>(2, options.size_min);
  if (capacity < needed) {
    return absl::InvalidArgumentError(
        absl::StrCat("replay: ", options.budget_bytes, " bytes, ", StreamBytes(options),
                     " of them for ", options.streams_max, " slots, hold ", capacity, " rows of ",
                     row_bytes, " bytes, fewer than the ", needed,
                     " of replay.size_min (at least 2); raise "
                     "replay.budget_mb or lower replay.size_min"));
  }
  return absl::WrapUnique(new ReplayStore(options, capacity));
}

ReplayStore::ReplayStore(const Options& options, int64_t capacity)
    : options_(options),
      links_({capacity, options.streams_max, options.hindsight.has_value()}),
      observations_(options.observation, options.float_type, capacity, options.device),
      actions_(at::zeros({capacity, options.action_size},
                         at::TensorOptions().dtype(at::kFloat).device(options.device))),
      extras_(at::zeros({capacity, ExtraSize(options)},
                        at::TensorOptions().dtype(at::kFloat).device(options.device))),
      segments_(Columns(), options.segment_bytes_max),
      sampler_(MakeSampler(options, &links_)),
      random_(options.seed) {
  // A row's observation and action change in the same Insert as its links, and after them.
  links_.set_before_change([this](int64_t row) { segments_.Touch(row); });
}

int64_t ReplayStore::bytes() const { return bytes_per_row() * capacity() + StreamBytes(options_); }

std::string ReplayStore::Describe() const {
  std::string text =
      absl::StrFormat("%d bytes a step and as many an episode, capacity %d (%.1f MiB), %s",
                      bytes_per_row(), capacity(), bytes() / kMebibyte, sampler_->Describe());
  if (options_.n_step > 1) absl::StrAppend(&text, ", ", options_.n_step, "-step returns");
  if (options_.hindsight.has_value()) {
    absl::StrAppend(&text, ", hindsight k=", options_.hindsight->k);
  }
  return text;
}

absl::Status ReplayStore::Insert(uint64_t actor, const ReplaySteps& steps) {
  for (const absl::Span<const float> observation : {steps.observation, steps.next_observation}) {
    if (absl::Status status = observations_.Check(observation); !status.ok()) return status;
  }
  const int64_t count = steps.reward.size();
  const int64_t size = observations_.observation_size();
  at::Tensor observation = at::empty({2 * count, size}, at::kFloat);
  at::Tensor action = at::empty({count, options_.action_size}, at::kFloat);
  at::Tensor extra = at::empty({count, extra_size()}, at::kFloat);
  at::Tensor rows = at::empty({count}, at::kLong);
  float* const observation_out = observation.mutable_data_ptr<float>();
  float* const action_out = action.mutable_data_ptr<float>();
  float* const extra_out = extra.mutable_data_ptr<float>();
  int64_t* const rows_out = rows.mutable_data_ptr<int64_t>();
  Pending pending;
  auto begin = [&] { pending = {links_.rows_begun(), links_.rows_begun(), 0, 0}; };
  begin();
  for (int64_t i = 0; i < count; ++i) {
    // This step may begin two rows, which overwrite those begun `capacity` rows before.
    if (links_.rows_begun() + 1 - capacity() >= pending.oldest_serial) {
      Write(pending, observation, action, extra, rows);
      begin();
    }
    const auto before = steps.observation.subspan(i * size, size);
    const auto after = steps.next_observation.subspan(i * size, size);
    const EpisodeLinks::Placed placed =
        links_.Append({actor, steps.slot[i], ObservationDigest(before), ObservationDigest(after),
                       steps.reward[i], steps.terminated[i] != 0, steps.truncated[i] != 0});
    if (placed.is_new) {
      std::copy(before.begin(), before.end(), observation_out + pending.rows++ * size);
      sampler_->Remove(placed.row);
    }
    std::copy(after.begin(), after.end(), observation_out + pending.rows++ * size);
    sampler_->Remove(placed.next_row);
    sampler_->Add(placed.row);
    std::copy_n(steps.action.begin() + i * options_.action_size, options_.action_size,
                action_out + pending.steps * options_.action_size);
    std::copy_n(steps.goal_extra.begin() + i * extra_size(), extra_size(),
                extra_out + pending.steps * extra_size());
    rows_out[pending.steps++] = placed.row;
    pending.oldest_serial = std::min(pending.oldest_serial, placed.serial);
  }
  Write(pending, observation, action, extra, rows);
  return absl::OkStatus();
}

void ReplayStore::Write(const Pending& pending, const at::Tensor& observation,
                        const at::Tensor& action, const at::Tensor& extra, const at::Tensor& rows) {
  if (pending.steps == 0) return;
  observations_.Write(pending.first_serial % capacity(), observation.narrow(0, 0, pending.rows));
  const at::Tensor written = rows.narrow(0, 0, pending.steps).to(options_.device);
  actions_.index_copy_(0, written, action.narrow(0, 0, pending.steps).to(options_.device));
  if (extra_size() == 0) return;
  extras_.index_copy_(0, written, extra.narrow(0, 0, pending.steps).to(options_.device));
}

void ReplayStore::Resize(int64_t batch_size, Batch* batch) const {
  if (batch->index.defined() && batch->index.size(1) == batch_size) return;
  const at::TensorOptions host = at::TensorOptions().pinned_memory(options_.device.is_cuda());
  batch->index = at::zeros({kIndexRows, batch_size}, host.dtype(at::kLong));
  batch->scalars = at::empty({kScalarRows, batch_size}, host.dtype(at::kFloat));
  batch->serials.resize(batch_size);
  auto device_rows = [&](int64_t size) {
    return at::empty({batch_size, size},
                     at::TensorOptions().dtype(at::kFloat).device(options_.device));
  };
  batch->sample.transitions.observation = device_rows(observations_.observation_size());
  batch->sample.transitions.next_observation = device_rows(observations_.observation_size());
  batch->sample.transitions.action = device_rows(options_.action_size);
  batch->sample.rows = batch->index[kRow];
}

int64_t ReplayStore::ChooseGoals(Batch* batch) {
  if (!options_.hindsight.has_value()) return 0;
  const int64_t batch_size = batch->index.size(1);
  const double share = options_.hindsight->k / (options_.hindsight->k + 1);
  const int64_t candidates = std::llround(share * batch_size);
  int64_t* const rows = batch->index[kRow].mutable_data_ptr<int64_t>();
  int64_t* const goal_rows = batch->index[kGoalRow].mutable_data_ptr<int64_t>();
  float* const weights = batch->scalars[kWeight].mutable_data_ptr<float>();
  // Draws are independent, so any places will do.
  int64_t chosen = 0;
  for (int64_t i = 0; i < candidates; ++i) {
    const int64_t later = links_.LaterObservations(rows[i]);
    if (later == 0) continue;
    goal_rows[chosen] = links_.Later(rows[i], 1 + random_.Index(later));
    std::swap(rows[i], rows[chosen]);
    std::swap(weights[i], weights[chosen]);
    ++chosen;
  }
  return chosen;
}

absl::StatusOr<const ReplaySample*> ReplayStore::Sample(int64_t batch_size, double progress) {
  if (steps() == 0) return absl::FailedPreconditionError("replay: no step to sample");
  if (next_batch_ == batches_.size() || batches_[next_batch_].index.size(1) != batch_size) {
    if (absl::Status status = DrawBatches(batch_size, progress); !status.ok()) return status;
  }
  sampled_ = &batches_[next_batch_++];
  return &sampled_->sample;
}

absl::Status ReplayStore::DrawBatches(int64_t batch_size, double progress) {
  sampled_ = nullptr;
  batches_.resize(options_.hindsight.has_value() ? options_.hindsight->batches_ahead : 1);
  next_batch_ = batches_.size();  // Until everything succeeds.
  const at::Tensor random = options_.hindsight.has_value() ? random_.State() : at::Tensor();
  for (Batch& batch : batches_) {
    Resize(batch_size, &batch);
    Draw(progress, &batch);
  }
  if (absl::Status status = ComputeRewards(); !status.ok()) {
    random_.Load(random);  // So that the draws do not depend on the number of attempts.
    return status;
  }
  next_batch_ = 0;
  return absl::OkStatus();
}

void ReplayStore::Draw(double progress, Batch* batch) {
  const int64_t batch_size = batch->index.size(1);
  int64_t* const rows = batch->index[kRow].mutable_data_ptr<int64_t>();
  int64_t* const next_rows = batch->index[kNextRow].mutable_data_ptr<int64_t>();
  float* const scalars = batch->scalars.mutable_data_ptr<float>();
  const size_t count = static_cast<size_t>(batch_size);
  sampler_->Draw(progress, &random_, {rows, count}, {scalars + kWeight * batch_size, count});
  ReplaySample& sample = batch->sample;
  sample.relabelled = ChooseGoals(batch);
  for (int64_t i = 0; i < batch_size; ++i) {
    batch->serials[i] = links_.Serial(rows[i]);
    const EpisodeLinks::Return forward = links_.NStep(rows[i], options_.n_step, options_.gamma);
    next_rows[i] = forward.next_row;
    scalars[kReward * batch_size + i] = forward.reward;
    scalars[kTerminated * batch_size + i] = forward.terminated;
    scalars[kDiscount * batch_size + i] = forward.discount;
  }
  const at::Tensor index = batch->index.to(options_.device);
  const at::Tensor values = batch->scalars.to(options_.device);
  TransitionSample& transitions = sample.transitions;
  observations_.Read(index[kRow], &transitions.observation);
  observations_.Read(index[kNextRow], &transitions.next_observation);
  at::index_select_out(transitions.action, actions_, 0, index[kRow]);
  transitions.reward = values[kReward];
  transitions.terminated = values[kTerminated];
  transitions.discount = values[kDiscount];
  transitions.weight = values[kWeight];
  if (sample.relabelled > 0) {
    SetGoals(index[kGoalRow].narrow(0, 0, sample.relabelled), batch);
  }
}

void ReplayStore::SetGoals(const at::Tensor& goal_rows, Batch* batch) const {
  const GoalColumns& goals = options_.hindsight->goals;
  const TransitionSample& transitions = batch->sample.transitions;
  const at::Tensor goal = observations_.ReadColumns(goal_rows, goals.achieved_begin, goals.size);
  for (const at::Tensor& observation : {transitions.observation, transitions.next_observation}) {
    observation.narrow(0, 0, goal_rows.size(0))
        .narrow(1, goals.desired_begin, goals.size)
        .copy_(goal);
  }
}

absl::Status ReplayStore::ComputeRewards() {
  std::vector<at::Tensor> achieved;
  std::vector<at::Tensor> desired;
  std::vector<at::Tensor> extra;
  int64_t count = 0;
  for (const Batch& batch : batches_) {
    const int64_t relabelled = batch.sample.relabelled;
    if (relabelled == 0) continue;
    const GoalColumns& goals = options_.hindsight->goals;
    const at::Tensor next = batch.sample.transitions.next_observation.narrow(0, 0, relabelled);
    achieved.push_back(next.narrow(1, goals.achieved_begin, goals.size));
    desired.push_back(next.narrow(1, goals.desired_begin, goals.size));
    const at::Tensor rows = batch.index[kRow].narrow(0, 0, relabelled).to(options_.device);
    extra.push_back(extras_.index_select(0, rows));
    count += relabelled;
  }
  if (count == 0) return absl::OkStatus();
  absl::StatusOr<GoalReward::Outcome> outcome =
      options_.hindsight->reward->Compute(at::cat(achieved), at::cat(desired), at::cat(extra));
  if (!outcome.ok()) return outcome.status();
  for (const at::Tensor& values : {outcome->reward, outcome->terminated}) {
    if (values.scalar_type() != at::kFloat || values.dim() != 1 || values.size(0) != count) {
      return absl::InternalError(absl::StrCat("replay: the reward function gave ", values.numel(),
                                              " values of ", c10::toString(values.scalar_type()),
                                              ", expected float32 [", count, "]"));
    }
  }
  int64_t begin = 0;
  for (const Batch& batch : batches_) {
    const int64_t relabelled = batch.sample.relabelled;
    const TransitionSample& transitions = batch.sample.transitions;
    transitions.reward.narrow(0, 0, relabelled).copy_(outcome->reward.narrow(0, begin, relabelled));
    // A step that ended its episode also ends it under the new goal: see the header.
    const at::Tensor terminated = transitions.terminated.narrow(0, 0, relabelled);
    terminated.copy_(at::maximum(
        terminated, outcome->terminated.narrow(0, begin, relabelled).to(options_.device)));
    begin += relabelled;
  }
  return absl::OkStatus();
}

absl::Status ReplayStore::SetErrors(absl::Span<const float> errors) {
  const size_t sampled = sampled_ == nullptr ? 0 : sampled_->serials.size();
  if (errors.size() != sampled) {
    return absl::InvalidArgumentError(
        absl::StrCat("replay: ", errors.size(), " errors for a sample of ", sampled));
  }
  for (size_t i = 0; i < errors.size(); ++i) {
    if (!std::isfinite(errors[i])) {
      return absl::InvalidArgumentError(
          absl::StrCat("replay: temporal-difference error ", i, " is ", errors[i]));
    }
  }
  for (size_t i = 0; i < errors.size(); ++i) {
    const int64_t serial = sampled_->serials[i];
    const int64_t row = serial % capacity();
    if (links_.Serial(row) == serial) sampler_->SetError(row, errors[i]);
  }
  return absl::OkStatus();
}

}  // namespace armature
