#include "learner/divergence.h"

#include <algorithm>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "learner/checkpoint/tensor_file.h"

namespace armature {
namespace {

// Well above what anyone learns with, and well below what diverges at once.
constexpr double kLearningRateHigh = 0.01;
// Where float32 losses, which go with the square, begin to lose their meaning.
constexpr double kValueHigh = 1e4;

struct Range {
  double low = 0;
  double high = 0;
  double magnitude() const { return std::max(-low, high); }
};

// Of the tensors whose name ends so; [0, 0]: there are none.
Range RangeOf(const NamedTensors& batch, const std::string& name) {
  Range range;
  bool is_first = true;
  for (const auto& [full_name, tensor] : batch) {
    if (!absl::EndsWith(full_name, name) || tensor.numel() == 0) continue;
    const auto [low, high] = tensor.aminmax();
    range.low = is_first ? low.item<double>() : std::min(range.low, low.item<double>());
    range.high = is_first ? high.item<double>() : std::max(range.high, high.item<double>());
    is_first = false;
  }
  return range;
}

std::string LikelyCause(const RunConfig& config, const NamedTensors& batch) {
  const AlgorithmConfig& algorithm = config.algorithm;
  const double rate = algorithm.learning_rate();
  const Range observation = RangeOf(batch, "observation");
  const Range reward = RangeOf(batch, "reward");
  if (rate <= kLearningRateHigh) {
    if (observation.magnitude() > kValueHigh && !algorithm.network.normalize_observation) {
      return absl::StrFormat(
          "observations of up to %g with algorithm.network.normalize_observation=false; set it to "
          "true",
          observation.magnitude());
    }
    if (reward.magnitude() > kValueHigh) {
      return absl::StrFormat("rewards of up to %g; scale them down in the environment",
                             reward.magnitude());
    }
  }
  return absl::StrFormat("algorithm.%s.learning_rate=%g; lower it", algorithm.name, rate);
}

// Empty: there is no batch.
std::string KeepBatch(const NamedTensors& batch, int64_t learner_steps,
                      const std::string& run_dir) {
  if (batch.empty()) return "";
  const std::string path = absl::StrCat(run_dir, "/", kDivergedBatch);
  const TensorFile file{
      {{"kind", "armature batch"}, {"learner_steps", absl::StrCat(learner_steps)}}, batch};
  const absl::Status written = file.Write(path);
  const Range observation = RangeOf(batch, "observation");
  const Range reward = RangeOf(batch, "reward");
  return absl::StrFormat(" its batch (observations %g to %g, rewards %g to %g) is %s,",
                         observation.low, observation.high, reward.low, reward.high,
                         written.ok() ? absl::StrCat("in ", path)
                                      : absl::StrCat("lost, for ", std::string(written.message())));
}

}  // namespace

absl::Status DescribeDivergence(const absl::Status& found, const RunConfig& config,
                                int64_t learner_steps, const NamedTensors& batch,
                                const std::string& run_dir) {
  return absl::DataLossError(
      absl::StrCat(found.message(), " by gradient step ", learner_steps,
                   ", most likely because of ", LikelyCause(config, batch),
                   " and go on with --resume:", KeepBatch(batch, learner_steps, run_dir),
                   " the newest checkpoint and model are from before it"));
}

}  // namespace armature
