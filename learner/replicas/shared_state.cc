#include "learner/replicas/shared_state.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "c10/core/GradMode.h"

namespace armature {
namespace {

struct Statistics {
  at::Tensor count;  // []
  at::Tensor mean;   // [D]
  at::Tensor m2;     // [D]
};

Statistics Add(const Statistics& a, const Statistics& b) {
  const at::Tensor n = (a.count + b.count).clamp_min(1);
  const at::Tensor delta = b.mean - a.mean;
  return {a.count + b.count, a.mean + delta * b.count / n,
          a.m2 + b.m2 + delta.square() * a.count * b.count / n};
}

// What must be added to `part` to give `sum`.
Statistics Subtract(const Statistics& sum, const Statistics& part) {
  const at::Tensor count = sum.count - part.count;
  const at::Tensor n = count.clamp_min(1);
  const at::Tensor mean =
      at::where(count > 0, (sum.count * sum.mean - part.count * part.mean) / n, 0);
  const at::Tensor between =
      (mean - part.mean).square() * part.count * count / sum.count.clamp_min(1);
  return {count, mean, (sum.m2 - part.m2 - between).clamp_min(0)};
}

bool IsStatistic(const std::string& name, const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble &&
         (absl::EndsWith(name, ".count") || absl::EndsWith(name, ".mean") ||
          absl::EndsWith(name, ".m2"));
}

bool IsAveraged(const std::string& name, const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kFloat || IsStatistic(name, tensor);
}

using TensorMap = std::map<std::string, at::Tensor>;

Statistics StatisticsOf(const TensorMap& tensors, const std::string& prefix) {
  return {tensors.at(prefix + ".count"), tensors.at(prefix + ".mean"), tensors.at(prefix + ".m2")};
}

// Replaces every group of statistics in `tensors` with the result of `change`.
template <typename Change>
void ChangeStatistics(NamedTensors* tensors, const Change& change) {
  const TensorMap map(tensors->begin(), tensors->end());
  TensorMap changed;
  for (const auto& [name, tensor] : map) {
    if (!IsStatistic(name, tensor) || !absl::EndsWith(name, ".count")) continue;
    const std::string prefix(absl::StripSuffix(name, ".count"));
    const Statistics statistics = change(prefix, StatisticsOf(map, prefix));
    changed[prefix + ".count"] = statistics.count;
    changed[prefix + ".mean"] = statistics.mean;
    changed[prefix + ".m2"] = statistics.m2;
  }
  for (auto& [name, tensor] : *tensors) {
    if (const auto it = changed.find(name); it != changed.end()) tensor = it->second;
  }
}

}  // namespace

SharedState::SharedState(Algorithm* algorithm) : algorithm_(algorithm) { NoteStatistics(); }

void SharedState::NoteStatistics() {
  statistics_.clear();
  for (const auto& [name, tensor] : algorithm_->State()) {
    if (IsStatistic(name, tensor)) statistics_[name] = tensor.clone();
  }
}

NamedTensors SharedState::Contribution() const {
  const c10::NoGradGuard no_grad;
  NamedTensors contribution;
  for (const auto& [name, tensor] : algorithm_->State()) {
    if (IsAveraged(name, tensor)) contribution.emplace_back(name, tensor);
  }
  ChangeStatistics(&contribution, [this](const std::string& prefix, const Statistics& now) {
    return Subtract(now, StatisticsOf(statistics_, prefix));
  });
  return contribution;
}

absl::Status SharedState::Adopt(const NamedTensors& mean) {
  const c10::NoGradGuard no_grad;
  NamedTensors sums;
  for (const auto& [name, tensor] : mean) {
    const auto statistic = statistics_.find(name);
    sums.emplace_back(
        name, statistic == statistics_.end() ? tensor : tensor.to(statistic->second.device()));
  }
  ChangeStatistics(&sums, [this](const std::string& prefix, const Statistics& recent) {
    return Add(StatisticsOf(statistics_, prefix), recent);
  });
  return Load(sums);
}

NamedTensors SharedState::Snapshot() const {
  NamedTensors snapshot;
  for (const auto& [name, tensor] : algorithm_->State()) {
    const auto statistic = statistics_.find(name);
    if (statistic != statistics_.end()) {
      snapshot.emplace_back(name, statistic->second);
    } else if (tensor.scalar_type() != at::kByte) {  // Bytes are generator state.
      snapshot.emplace_back(name, tensor);
    }
  }
  return snapshot;
}

absl::Status SharedState::Restore(const NamedTensors& snapshot) { return Load(snapshot); }

absl::Status SharedState::Load(const NamedTensors& tensors) {
  const NamedTensors own = algorithm_->State();
  TensorMap state(own.begin(), own.end());
  for (const auto& [name, tensor] : tensors) {
    const auto it = state.find(name);
    if (it == state.end()) {
      return absl::InvalidArgumentError(absl::StrCat("the algorithm has no ", name));
    }
    it->second = tensor;
  }
  const absl::Status status = algorithm_->LoadState(state);
  if (status.ok()) NoteStatistics();
  return status;
}

NamedTensors MeanOf(const std::vector<NamedTensors>& contributions) {
  const c10::NoGradGuard no_grad;
  NamedTensors mean;
  for (size_t i = 0; i < contributions[0].size(); ++i) {
    at::Tensor sum = contributions[0][i].second.cpu();
    if (sum.scalar_type() == at::kFloat) {
      sum = sum.clone();
      for (size_t k = 1; k < contributions.size(); ++k) sum.add_(contributions[k][i].second.cpu());
      sum.div_(static_cast<double>(contributions.size()));
    }
    mean.emplace_back(contributions[0][i].first, sum);
  }
  for (size_t k = 1; k < contributions.size(); ++k) {
    const TensorMap other(contributions[k].begin(), contributions[k].end());
    ChangeStatistics(&mean, [&](const std::string& prefix, const Statistics& sum) {
      return Add(sum, StatisticsOf(other, prefix));
    });
  }
  return mean;
}

}  // namespace armature
