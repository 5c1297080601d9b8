#include "deploy/launcher/report/run_result.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/files/atomic_file.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

// JSON has no NaN; null stands for it.
double NumberOrNaN(const nlohmann::json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

}  // namespace

absl::StatusOr<RunResult> ReadRunResult(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  try {
    const nlohmann::json json = nlohmann::json::parse(*text);
    RunResult result;
    result.target_reached = json.at("target_reached").get<bool>();
    result.success_rate = NumberOrNaN(json.at("success_rate"));
    result.return_mean = NumberOrNaN(json.at("return_mean"));
    result.env_steps = json.at("env_steps").get<int64_t>();
    result.wall_s = json.at("wall_s").get<double>();
    return result;
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.what()));
  }
}

std::string ResultLine(const RunResult& result, const std::string& environment, bool has_target) {
  const char* outcome = result.target_reached ? "solved" : has_target ? "not solved" : "finished";
  // Without a target, the return shows how far the run came; without evaluation there is none.
  std::string score;
  if (!std::isnan(result.success_rate) && (has_target || result.target_reached)) {
    score = absl::StrFormat(" success_rate=%.2f", result.success_rate);
  } else if (!std::isnan(result.return_mean)) {
    score = absl::StrFormat(" return=%.2f", result.return_mean);
  }
  return absl::StrFormat("armature: %s %s%s env_steps=%d wall_s=%.1f", outcome, environment, score,
                         result.env_steps, result.wall_s);
}

}  // namespace armature
