#include "learner/run/run_end.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/files/atomic_file.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using Json = nlohmann::json;

bool HasTarget(const EvaluationSection& evaluation) {
  return evaluation.stop_at_success_rate > 0 || evaluation.stop_at_return_enabled;
}

// The settings with which a run that ended at `env_steps` can continue.
std::vector<std::string> MoreThan(bool solved, int64_t env_steps, const RunConfig& config) {
  std::vector<std::string> settings;
  if (solved && config.evaluation.stop_at_success_rate > 0) {
    settings.emplace_back("evaluation.stop_at_success_rate=0");
  }
  if (solved && config.evaluation.stop_at_return_enabled) {
    settings.emplace_back("evaluation.stop_at_return_enabled=false");
  }
  if (settings.empty() || config.run.total_env_steps <= env_steps) {
    settings.push_back(
        absl::StrCat("run.total_env_steps=", 2 * std::max(env_steps, config.run.total_env_steps)));
  }
  return settings;
}

}  // namespace

std::map<std::string, std::string> EndSettings(const RunConfig& config) {
  const EvaluationSection& evaluation = config.evaluation;
  return {
      {"run.total_env_steps", absl::StrCat(config.run.total_env_steps)},
      {"evaluation.stop_at_success_rate", absl::StrCat(evaluation.stop_at_success_rate)},
      {"evaluation.stop_at_return_enabled", evaluation.stop_at_return_enabled ? "true" : "false"},
      {"evaluation.stop_at_return", absl::StrCat(evaluation.stop_at_return)}};
}

absl::StatusOr<std::optional<RunEnd>> FindEnd(const std::string& run_dir, const RunConfig& config) {
  const std::string path = run_dir + "/result.json";
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  bool solved = false;
  int64_t env_steps = 0;
  bool is_asked = false;
  try {
    const Json result = Json::parse(*text);
    solved = result.at("target_reached").get<bool>();
    env_steps = result.at("env_steps").get<int64_t>();
    // Runs of earlier versions did not keep their settings: they can only get more env steps.
    is_asked =
        result.contains("settings")
            ? result.at("settings").get<std::map<std::string, std::string>>() != EndSettings(config)
            : !solved;
  } catch (const Json::exception& error) {
    return absl::DataLossError(absl::StrCat(
        path, ", which says how the run ended, is damaged; move it away to let the run go on"));
  }
  if (is_asked && config.run.total_env_steps > env_steps) return std::nullopt;
  RunEnd end;
  end.target_missed = HasTarget(config.evaluation) && !solved;
  end.line = absl::StrCat("run ", run_dir,
                          " is finished: ", solved ? "it was solved" : "it spent its budget",
                          " at ", env_steps, " env steps; to go on, give ",
                          absl::StrJoin(MoreThan(solved, env_steps, config), " "));
  return end;
}

absl::Status CheckUnused(const std::string& run_dir) {
  std::error_code ignored;
  std::vector<std::string> kept;
  for (const char* name : {"result.json", "progress.csv", "evaluations.csv"}) {
    if (std::filesystem::is_regular_file(run_dir + "/" + name, ignored)) kept.emplace_back(name);
  }
  for (const char* name : {"checkpoints", "models"}) {
    const std::string folder = run_dir + "/" + name;
    if (std::filesystem::is_directory(folder, ignored) &&
        !std::filesystem::is_empty(folder, ignored)) {
      kept.push_back(absl::StrCat(name, "/"));
    }
  }
  if (kept.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("a run is in ", run_dir, " already (", absl::StrJoin(kept, ", "),
                   "): go on with it by --resume, or give another folder"));
}

}  // namespace armature
