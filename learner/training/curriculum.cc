#include "learner/training/curriculum.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr char kLevel[] = "curriculum.level";
constexpr char kEpisodes[] = "curriculum.episodes";
// A level nearer to a limit than this share of a step is the limit: sums of steps are rounded.
constexpr double kRounding = 1e-6;

at::Tensor ToTensor(const std::vector<double>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble));
}

absl::StatusOr<std::vector<double>> Read(const at::Tensor& tensor, const char* name) {
  if (tensor.scalar_type() != at::kDouble || tensor.dim() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not a list of float64"));
  }
  const at::Tensor values = tensor.cpu().contiguous();
  const double* const begin = values.const_data_ptr<double>();
  return std::vector<double>(begin, begin + values.numel());
}

}  // namespace

absl::StatusOr<Curriculum> Curriculum::Create(const CurriculumSection& section,
                                              const EnvSpec& env) {
  const absl::StatusOr<CurriculumPlan> plan = PlanCurriculum(section, env);
  if (!plan.ok()) return plan.status();
  return Curriculum(section, *plan);
}

bool Curriculum::Add(const v1::Episode& episode) {
  if (episode.parameter(static_cast<int>(plan_.parameter)) != level_) return false;
  const bool by_success = section_.metric == CurriculumSection::kSuccessRate;
  const double success = episode.is_success() ? 1 : 0;
  values_.push_back(by_success ? success : episode.return_sum());
  const auto wanted = static_cast<size_t>(section_.episodes);
  if (values_.size() > wanted) values_.pop_front();
  if (values_.size() < wanted) return false;
  const double mean = Mean();
  if (mean >= section_.raise_at) return SetLevel(level_ + section_.step);
  if (plan_.lower_at.has_value() && mean <= *plan_.lower_at) {
    return SetLevel(level_ - section_.step);
  }
  return false;
}

double Curriculum::Mean() const {
  double sum = 0;
  for (const double value : values_) sum += value;
  return sum / static_cast<double>(values_.size());
}

bool Curriculum::SetLevel(double level) {
  const double slack = kRounding * section_.step;
  if (level > plan_.high - slack) level = plan_.high;
  if (level < plan_.low + slack) level = plan_.low;
  if (level == level_) return false;
  level_ = level;
  values_.clear();
  return true;
}

NamedTensors Curriculum::State() const {
  return {{kLevel, ToTensor({level_})}, {kEpisodes, ToTensor({values_.begin(), values_.end()})}};
}

absl::Status Curriculum::LoadState(const std::map<std::string, at::Tensor>& state) {
  const auto saved_level = state.find(kLevel);
  const auto saved_episodes = state.find(kEpisodes);
  if (saved_level == state.end() || saved_episodes == state.end()) return absl::OkStatus();
  const absl::StatusOr<std::vector<double>> level = Read(saved_level->second, kLevel);
  if (!level.ok()) return level.status();
  const absl::StatusOr<std::vector<double>> episodes = Read(saved_episodes->second, kEpisodes);
  if (!episodes.ok()) return episodes.status();
  if (level->size() != 1 || !std::isfinite(level->front())) {
    return absl::InvalidArgumentError(absl::StrCat(kLevel, " is not one finite number"));
  }
  level_ = level->front();
  values_.assign(episodes->begin(), episodes->end());
  SetLevel(level_);  // Within the limits, which may be others than they were.
  while (values_.size() > static_cast<size_t>(section_.episodes)) values_.pop_front();
  return absl::OkStatus();
}

}  // namespace armature
