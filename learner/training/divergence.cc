#include "learner/training/divergence.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/cli/how_started.h"
#include "common/cli/shell_word.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/run/run_state.h"
#include "learner/run/saved_steps.h"

namespace armature {
namespace {

// Far above common values, and far below those that diverge at once.
constexpr double kLearningRateHigh = 0.01;
// The most common value.
constexpr double kLearningRateUsual = 3e-4;
// Losses grow with the square; beyond this, float32 losses lose their meaning.
constexpr double kValueHigh = 1e4;

struct Range {
  double low = 0;
  double high = 0;
  double magnitude() const { return std::max(-low, high); }
};

// Range of the tensors whose name ends with `name`; [0, 0] if there are none.
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

struct Cause {
  std::string sentence;  // Includes the remedy.
  std::string setting;   // The remedy as key=value; empty if it is not a key.
  // Whether the run can continue from a checkpoint with this setting.
  bool fits_checkpoint = true;
};

Cause LikelyCause(const RunConfig& config, const NamedTensors& batch) {
  const AlgorithmConfig& algorithm = config.algorithm;
  const double rate = algorithm.learning_rate();
  const Range observation = RangeOf(batch, "observation");
  const Range reward = RangeOf(batch, "reward");
  if (rate <= kLearningRateHigh) {
    if (observation.magnitude() > kValueHigh && !algorithm.network.normalize_observation) {
      return {absl::StrFormat(
                  "observations of up to %g with algorithm.network.normalize_observation=false; "
                  "set it to true",
                  observation.magnitude()),
              "algorithm.network.normalize_observation=true", false};
    }
    if (reward.magnitude() > kValueHigh) {
      return {absl::StrFormat("rewards of up to %g; scale them down in the environment",
                              reward.magnitude()),
              ""};
    }
  }
  const std::string key = absl::StrCat("algorithm.", algorithm.name, ".learning_rate");
  return {absl::StrFormat("%s=%g; lower it", key, rate),
          absl::StrFormat("%s=%g", key, std::min(rate / 10, kLearningRateUsual))};
}

// Returns an empty text if there is no batch.
std::string KeepBatch(const NamedTensors& batch, int64_t learner_steps,
                      const std::string& run_dir) {
  if (batch.empty()) return "";
  const std::string path = absl::StrCat(run_dir, "/", kDivergedBatch);
  const TensorFile file{
      {{"kind", "armature batch"}, {"learner_steps", absl::StrCat(learner_steps)}}, batch};
  const absl::Status written = file.Write(path).status();
  const Range observation = RangeOf(batch, "observation");
  const Range reward = RangeOf(batch, "reward");
  return absl::StrFormat(" its batch (observations %g to %g, rewards %g to %g) is %s,",
                         observation.low, observation.high, reward.low, reward.high,
                         written.ok() ? absl::StrCat("in ", path)
                                      : absl::StrCat("lost, for ", std::string(written.message())));
}

// Says which state is from before it, and the command that continues or starts over.
std::string WhatIsThere(const Cause& cause, const std::string& run_dir, bool resumes_here) {
  const absl::StatusOr<uint64_t> saved = SavedEnvSteps(run_dir);
  std::string text = saved.ok() ? absl::StrCat(" the newest checkpoint, of ", *saved,
                                               " env steps, is from before it")
                                : " no checkpoint had been written";
  if (!resumes_here) return text;
  if (cause.fits_checkpoint || !saved.ok()) {
    return absl::StrCat(text, "; ", GoOnSentence(run_dir, cause.setting));
  }
  return absl::StrCat(
      text, "; it does not fit that setting: begin another run with ", HowStarted("train"), " ",
      ShellWord(std::filesystem::absolute(run_dir + "/config.yaml").string()), " ", cause.setting);
}

}  // namespace

absl::Status DescribeDivergence(const absl::Status& found, const RunConfig& config,
                                int64_t learner_steps, const NamedTensors& batch,
                                const std::string& run_dir, bool resumes_here) {
  const Cause cause = LikelyCause(config, batch);
  return absl::DataLossError(absl::StrCat(found.message(), " by gradient step ", learner_steps,
                                          ", most likely because of ", cause.sentence, ":",
                                          KeepBatch(batch, learner_steps, run_dir),
                                          WhatIsThere(cause, run_dir, resumes_here)));
}

void ForgetDivergence(const std::string& run_dir) {
  std::error_code ignored;
  std::filesystem::remove(absl::StrCat(run_dir, "/", kDivergedBatch), ignored);
}

}  // namespace armature
