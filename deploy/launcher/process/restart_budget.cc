#include "deploy/launcher/process/restart_budget.h"

#include <algorithm>

namespace armature {

std::optional<RestartBudget::Restart> RestartBudget::OnDeath(Time now) {
  if (healthy_since_) healthy_ += absl::FromChrono(now - *healthy_since_);
  healthy_since_.reset();
  while (!counted_.empty() && healthy_ - counted_.front() >= options_.window) counted_.pop_front();
  const int64_t before = static_cast<int64_t>(counted_.size());
  if (before >= options_.restarts_max) return std::nullopt;
  counted_.push_back(healthy_);
  absl::Duration delay = options_.backoff_first;
  for (int64_t i = 0; i < before && delay < options_.backoff_max; ++i) delay *= 2;
  return Restart{before + 1, std::min(delay, options_.backoff_max)};
}

}  // namespace armature
