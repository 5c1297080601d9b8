#include "actor/act/explorer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

absl::Status CheckField(absl::string_view name, double value, double most) {
  if (std::isfinite(value) && value >= 0 && value <= most) return absl::OkStatus();
  const std::string limit =
      std::isfinite(most) ? absl::StrCat("in [0, ", most, "]") : std::string("a number from 0 on");
  return absl::InvalidArgumentError(
      absl::StrCat("exploration.", name, " is ", value, ", not ", limit));
}

}  // namespace

absl::StatusOr<Explorer> Explorer::Create(const v1::Exploration& exploration,
                                          const ActionSpec& action, int64_t num_slots,
                                          uint64_t seed) {
  const v1::Exploration::OrnsteinUhlenbeck& process = exploration.ornstein_uhlenbeck();
  for (const absl::Status& status :
       {CheckField("normal_noise_std", exploration.normal_noise_std(), kNoLimit),
        CheckField("ornstein_uhlenbeck.sigma", process.sigma(), kNoLimit),
        CheckField("ornstein_uhlenbeck.theta", process.theta(), 1),
        CheckField("ornstein_uhlenbeck.dt", process.dt(), 1),
        CheckField("random_action_probability", exploration.random_action_probability(), 1)}) {
    if (!status.ok()) return status;
  }
  return Explorer(exploration, action, num_slots, seed);
}

Explorer::Explorer(const v1::Exploration& exploration, const ActionSpec& action, int64_t num_slots,
                   uint64_t seed)
    : exploration_(exploration), action_size_(action.size()), choices_(action.choices) {
  const size_t noise_size = exploration.has_ornstein_uhlenbeck() ? action_size_ : 0;
  slots_.resize(num_slots, {Rng({seed}), std::vector<double>(noise_size, 0.0)});
  Reseed(seed);
}

void Explorer::Reseed(uint64_t seed) {
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    slots_[slot].rng = Rng({seed, slot});
    BeginEpisode(slot);
  }
}

void Explorer::BeginEpisode(int64_t slot) {
  std::vector<double>& noise = slots_[slot].correlated_noise;
  std::fill(noise.begin(), noise.end(), 0.0);
}

bool Explorer::ActsAtRandom(uint64_t policy_version) const {
  return policy_version < exploration_.random_until_version();
}

void Explorer::DrawUniform(int64_t slot, absl::Span<float> action) {
  Rng& rng = slots_[slot].rng;
  for (size_t i = 0; i < action.size(); ++i) {
    action[i] = static_cast<float>(choices_.empty() ? rng.Uniform(-1, 1) : rng.Index(choices_[i]));
  }
}

float Explorer::uniform_log_prob() const {
  double log_prob = choices_.empty() ? -action_size_ * std::log(2.0) : 0;
  for (int64_t choices : choices_) log_prob -= std::log(choices);
  return static_cast<float>(log_prob);
}

void Explorer::AddNoise(int64_t slot, absl::Span<float> action) {
  Rng& rng = slots_[slot].rng;
  std::vector<double>& correlated = slots_[slot].correlated_noise;
  const v1::Exploration::OrnsteinUhlenbeck& process = exploration_.ornstein_uhlenbeck();
  for (size_t i = 0; i < action.size(); ++i) {
    double value = action[i];
    if (exploration_.normal_noise_std() > 0) {
      value += exploration_.normal_noise_std() * rng.Normal();
    }
    if (!correlated.empty()) {
      correlated[i] += -process.theta() * correlated[i] * process.dt() +
                       process.sigma() * std::sqrt(process.dt()) * rng.Normal();
      value += correlated[i];
    }
    action[i] = static_cast<float>(std::clamp(value, -1.0, 1.0));
  }
}

bool Explorer::ReplaceAtRandom(int64_t slot, absl::Span<float> action) {
  const double probability = exploration_.random_action_probability();
  if (!(probability > 0) || slots_[slot].rng.Uniform(0, 1) >= probability) return false;
  DrawUniform(slot, action);
  return true;
}

}  // namespace armature
