#include "deploy/verbs/trained_run.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "learner/load_run_config.h"

namespace armature {
namespace {

// What stands between "policy_" and ".safetensors", numbers ascending.
std::vector<std::string> ModelNames(const std::string& run) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run + "/models", error)) {
    std::string file = entry.path().filename().string();
    absl::string_view name = file;
    if (!absl::ConsumePrefix(&name, "policy_") || !absl::ConsumeSuffix(&name, ".safetensors")) {
      continue;
    }
    names.emplace_back(name);
  }
  const auto order = [](const std::string& name) {
    uint64_t number = 0;
    return std::pair(absl::SimpleAtoi(name, &number) ? number : ~uint64_t{0}, name);
  };
  std::sort(names.begin(), names.end(),
            [&](const auto& a, const auto& b) { return order(a) < order(b); });
  return names;
}

absl::StatusOr<std::string> FindModel(const std::string& run, const std::string& model) {
  const std::vector<std::string> names = ModelNames(run);
  if (names.empty()) {
    return absl::NotFoundError(absl::StrCat(run, " holds no policy yet"));
  }
  const auto path = [&run](const std::string& name) {
    return absl::StrCat(run, "/models/policy_", name, ".safetensors");
  };
  if (std::find(names.begin(), names.end(), model) != names.end()) return path(model);
  if (model == "final") return path(names.back());
  return absl::NotFoundError(
      absl::StrCat(run, " holds no model '", model, "'; there are ", absl::StrJoin(names, ", ")));
}

}  // namespace

absl::StatusOr<TrainedRun> LoadTrainedRun(const std::vector<std::string>& words,
                                          const std::string& model) {
  if (words.empty() || absl::StrContains(words[0], '=')) {
    return absl::InvalidArgumentError("RUN is missing: a run's directory (see --help)");
  }
  TrainedRun run;
  run.path = words[0];
  std::error_code ignored;
  if (!std::filesystem::is_directory(run.path, ignored)) {
    return absl::NotFoundError(absl::StrCat("'", run.path, "' is no directory"));
  }
  if (!std::filesystem::is_regular_file(run.path + "/config.yaml", ignored)) {
    return absl::NotFoundError(
        absl::StrCat("'", run.path, "' is no run directory: it has no config.yaml"));
  }
  absl::StatusOr<RunConfig> config =
      LoadRunConfig({words.begin() + 1, words.end()}, /*resume_dir=*/run.path);
  if (!config.ok()) return config.status();
  run.config = *std::move(config);
  absl::StatusOr<std::string> model_path = FindModel(run.path, model);
  if (!model_path.ok()) return model_path.status();
  run.model_path = *std::move(model_path);
  absl::StatusOr<PolicyFile> policy = ReadPolicyFile(run.model_path);
  if (!policy.ok()) return policy.status();
  run.policy = *std::move(policy);
  return run;
}

absl::Status CheckPlayable(const EnvSpec& trained, const EnvSpec& actual) {
  EnvSpec expected = actual;
  expected.observation = trained.observation;
  expected.action = trained.action;
  const std::string difference = DescribeDifference(expected, actual);
  if (difference.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the policy was trained in another environment: ", difference));
}

}  // namespace armature
