#include "learner/replay/prioritized_sampler.h"

#include <algorithm>
#include <cmath>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr char kPriority[] = "replay.priority";
constexpr char kPriorityMax[] = "replay.priority_max";

bool IsPriority(double value) { return value > 0 && std::isfinite(value); }

}  // namespace

absl::Status PrioritizedSampler::Options::Validate() const {
  auto in_unit = [](double value) { return value >= 0 && value <= 1; };
  if (!in_unit(alpha)) {
    return absl::InvalidArgumentError(absl::StrCat("replay: alpha=", alpha, " must be in [0, 1]"));
  }
  if (!in_unit(beta)) {
    return absl::InvalidArgumentError(absl::StrCat("replay: beta=", beta, " must be in [0, 1]"));
  }
  if (!IsPriority(epsilon)) {
    return absl::InvalidArgumentError(
        absl::StrCat("replay: epsilon=", epsilon, " must be positive and finite"));
  }
  return absl::OkStatus();
}

PrioritizedSampler::PrioritizedSampler(const Options& options, const EpisodeLinks* links)
    : options_(options), links_(links), tree_(links->capacity()) {}

void PrioritizedSampler::Add(int64_t row) { tree_.Set(row, priority_max_); }

void PrioritizedSampler::Remove(int64_t row) {
  if (tree_.weight(row) != 0) tree_.Set(row, 0);
}

void PrioritizedSampler::Draw(double progress, ReplayRandom* random, absl::Span<int64_t> rows,
                              absl::Span<float> weights) {
  const double beta = options_.beta + (1 - options_.beta) * progress;
  double least = tree_.total();
  for (int64_t& row : rows) {
    row = tree_.Find(random->Uniform() * tree_.total());
    least = std::min(least, tree_.weight(row));
  }
  // N and the sum cancel out: w_i / max_j w_j = (p_i / min_j p_j)^-beta.
  for (size_t i = 0; i < rows.size(); ++i) {
    weights[i] = static_cast<float>(std::pow(least / tree_.weight(rows[i]), beta));
  }
}

void PrioritizedSampler::SetError(int64_t row, double error) {
  const double priority = std::pow(std::abs(error) + options_.epsilon, options_.alpha);
  tree_.Set(row, priority);
  priority_max_ = std::max(priority_max_, priority);
}

std::string PrioritizedSampler::Describe() const {
  return absl::StrCat("prioritised, alpha ", options_.alpha, ", beta ", options_.beta, " to 1");
}

NamedTensors PrioritizedSampler::State() const {
  at::Tensor priorities = at::empty({links_->rows()}, at::kDouble);
  double* values = priorities.mutable_data_ptr<double>();
  for (int64_t row = 0; row < links_->rows(); ++row) values[row] = tree_.weight(row);
  return {{kPriority, priorities}, {kPriorityMax, at::scalar_tensor(priority_max_, at::kDouble)}};
}

absl::Status PrioritizedSampler::Check(const std::map<std::string, at::Tensor>& state,
                                       const EpisodeLinks::Saved& links) const {
  const auto priorities = state.find(kPriority);
  const auto largest = state.find(kPriorityMax);
  const int64_t rows = static_cast<int64_t>(links.next.size());
  if (priorities == state.end() || largest == state.end() ||
      priorities->second.scalar_type() != at::kDouble || priorities->second.dim() != 1 ||
      priorities->second.size(0) != rows || largest->second.scalar_type() != at::kDouble ||
      largest->second.numel() != 1 || !IsPriority(largest->second.item<double>())) {
    return absl::InvalidArgumentError(absl::StrCat("state needs ", kPriority, " float64 [", rows,
                                                   "] and ", kPriorityMax,
                                                   " float64 [], positive"));
  }
  const at::Tensor values = priorities->second.contiguous();
  for (int64_t row = 0; row < rows; ++row) {
    const double value = values.const_data_ptr<double>()[row];
    if (links.next[row] >= 0 ? !IsPriority(value) : value != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          kPriority, "[", row, "] is ", value,
          links.next[row] >= 0 ? ", must be positive" : ", must be 0: the row holds no step"));
    }
  }
  return absl::OkStatus();
}

void PrioritizedSampler::Load(const std::map<std::string, at::Tensor>& state) {
  const at::Tensor priorities = state.at(kPriority).contiguous();
  tree_.Assign({priorities.const_data_ptr<double>(), static_cast<size_t>(priorities.numel())});
  priority_max_ = state.at(kPriorityMax).item<double>();
}

}  // namespace armature
