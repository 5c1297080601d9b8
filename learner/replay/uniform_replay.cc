#include "learner/replay/uniform_replay.h"

#include <algorithm>
#include <utility>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace armature {
namespace {

int64_t RowSize(const UniformReplay::Options& options) {
  return 2 * options.observation_size + options.action_size + 2;
}

int64_t RowBytes(const UniformReplay::Options& options) {
  return RowSize(options) * static_cast<int64_t>(sizeof(float));
}

// Columns of a row, or of a matrix of rows, in their order.
TransitionSample Columns(const at::Tensor& rows, const UniformReplay::Options& options) {
  int64_t column = 0;
  auto take = [&](int64_t count) {
    column += count;
    return rows.narrow(1, column - count, count);
  };
  TransitionSample sample;
  sample.observation = take(options.observation_size);
  sample.action = take(options.action_size);
  sample.reward = take(1).squeeze(1);
  sample.terminated = take(1).squeeze(1);
  sample.next_observation = take(options.observation_size);
  return sample;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UniformReplay>> UniformReplay::Create(const Options& options) {
  if (options.observation_size < 1 || options.action_size < 1 || options.capacity_max < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "replay: observation_size=", options.observation_size, ", action_size=",
        options.action_size, " and capacity_max=", options.capacity_max, " must be positive"));
  }
  const int64_t capacity = std::min(options.capacity_max, options.budget_bytes / RowBytes(options));
  if (capacity < std::max<int64_t>(1, options.size_min)) {
    return absl::InvalidArgumentError(
        absl::StrCat("replay: ", options.budget_bytes, " bytes hold ", capacity, " transitions of ",
                     RowBytes(options), " bytes, fewer than replay.size_min=", options.size_min,
                     "; raise replay.budget_mb or lower replay.size_min"));
  }
  return absl::WrapUnique(new UniformReplay(options, capacity));
}

UniformReplay::UniformReplay(const Options& options, int64_t capacity)
    : options_(options),
      capacity_(capacity),
      rows_(at::empty({capacity, RowSize(options)},
                      at::TensorOptions().dtype(at::kFloat).device(options.device))) {}

int64_t UniformReplay::bytes_per_transition() const { return RowBytes(options_); }

void UniformReplay::Insert(const TransitionSpans& steps) {
  const int64_t count = steps.reward.size();
  const int64_t row_size = rows_.size(1);
  at::Tensor staging = at::empty({count, row_size}, at::kFloat);
  float* row = staging.mutable_data_ptr<float>();
  for (int64_t i = 0; i < count; ++i) {
    auto append = [&row, i](absl::Span<const float> values, int64_t size) {
      row = std::copy_n(values.begin() + i * size, size, row);
    };
    append(steps.observation, options_.observation_size);
    append(steps.action, options_.action_size);
    append(steps.reward, 1);
    *row++ = steps.terminated[i];
    append(steps.next_observation, options_.observation_size);
  }
  // Of more than a whole ring only the last rows would remain.
  int64_t first = std::max<int64_t>(0, count - capacity_);
  while (first < count) {
    const int64_t span = std::min(count - first, capacity_ - next_row_);
    rows_.narrow(0, next_row_, span).copy_(staging.narrow(0, first, span));
    next_row_ = (next_row_ + span) % capacity_;
    first += span;
  }
  size_ = std::min(capacity_, size_ + count);
}

const TransitionSample& UniformReplay::Sample(int64_t batch_size, at::Generator generator) {
  if (!indices_.defined() || indices_.size(0) != batch_size) {
    indices_ = at::empty({batch_size}, rows_.options().dtype(at::kLong));
    sampled_rows_ = at::empty({batch_size, rows_.size(1)}, rows_.options());
    sample_ = Columns(sampled_rows_, options_);
  }
  indices_.random_(0, size_, std::move(generator));
  at::index_select_out(sampled_rows_, rows_, 0, indices_);
  return sample_;
}

NamedTensors UniformReplay::State() const {
  return {{"replay.transitions", rows_.narrow(0, 0, size_)},
          {"replay.next_row", at::scalar_tensor(next_row_, at::kLong)}};
}

absl::Status UniformReplay::LoadState(const std::map<std::string, at::Tensor>& state) {
  const auto rows = state.find("replay.transitions");
  const auto next_row = state.find("replay.next_row");
  if (rows == state.end() || next_row == state.end()) {
    return absl::InvalidArgumentError("state has no replay.transitions or no replay.next_row");
  }
  const at::Tensor& transitions = rows->second;
  if (transitions.scalar_type() != at::kFloat || transitions.dim() != 2 ||
      transitions.size(1) != rows_.size(1) || transitions.size(0) > capacity_) {
    return absl::InvalidArgumentError(
        absl::StrCat("replay.transitions is [", absl::StrJoin(transitions.sizes(), ","),
                     "], expected float32 [at most ", capacity_, ",", rows_.size(1), "]"));
  }
  const int64_t size = transitions.size(0);
  if (next_row->second.scalar_type() != at::kLong || next_row->second.numel() != 1) {
    return absl::InvalidArgumentError("replay.next_row is not one int64");
  }
  const int64_t next = next_row->second.item<int64_t>();
  // A ring that is not full goes on where it ends.
  if (next < 0 || next >= capacity_ || (size < capacity_ && next != size)) {
    return absl::InvalidArgumentError(absl::StrCat("replay.next_row is ", next, " with ", size,
                                                   " of ", capacity_, " transitions"));
  }
  rows_.narrow(0, 0, size).copy_(transitions);
  size_ = size;
  next_row_ = next;
  return absl::OkStatus();
}

}  // namespace armature
