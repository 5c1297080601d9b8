#include "learner/run/run_models.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "learner/run/files_by_step.h"

namespace armature {
namespace {

bool IsFile(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

}  // namespace

std::string ModelPath(const std::string& run_dir, const std::string& name) {
  return absl::StrCat(run_dir, "/models/model_", name, ".safetensors");
}

std::string StatePath(const std::string& run_dir, uint64_t env_steps) {
  return absl::StrCat(run_dir, "/checkpoints/step_", env_steps, ".safetensors");
}

std::vector<uint64_t> ModelSteps(const std::string& run_dir) {
  return FilesByStep(run_dir + "/models", "model_", ".safetensors");
}

std::vector<uint64_t> StateSteps(const std::string& run_dir) {
  return FilesByStep(run_dir + "/checkpoints", "step_", ".safetensors");
}

absl::StatusOr<std::string> FindState(const std::string& run_dir, uint64_t env_steps) {
  const std::vector<uint64_t> steps = StateSteps(run_dir);
  if (steps.empty()) {
    return absl::NotFoundError(absl::StrCat(
        run_dir, " has kept nothing to begin from; it does every checkpoint.save_freq env steps"));
  }
  if (env_steps == 0) return StatePath(run_dir, steps.back());
  if (std::binary_search(steps.begin(), steps.end(), env_steps)) {
    return StatePath(run_dir, env_steps);
  }
  return absl::NotFoundError(absl::StrCat(run_dir, " has kept nothing at ", env_steps,
                                          " env steps; there are: ", absl::StrJoin(steps, ", ")));
}

std::string ListModels(const std::string& run_dir) {
  std::vector<std::string> names;
  for (const char* name : {kFinalModel, kBestModel}) {
    if (IsFile(ModelPath(run_dir, name))) names.emplace_back(name);
  }
  for (const uint64_t step : ModelSteps(run_dir)) names.push_back(absl::StrCat(step));
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

absl::StatusOr<std::string> FindModel(const std::string& run_dir, const std::string& which) {
  std::string name = which;
  if (name.empty()) {
    const std::vector<uint64_t> steps = ModelSteps(run_dir);
    if (IsFile(run_dir + "/result.json") && IsFile(ModelPath(run_dir, kFinalModel))) {
      name = kFinalModel;
    } else {
      name = steps.empty() ? kBestModel : absl::StrCat(steps.back());
    }
  } else if (uint64_t step = 0; name != kFinalModel && name != kBestModel) {
    if (!absl::SimpleAtoi(name, &step)) {
      return absl::InvalidArgumentError(
          absl::StrCat("model '", name, "': expected final, best or a number of env steps"));
    }
    name = absl::StrCat(step);
  }
  std::string path = ModelPath(run_dir, name);
  if (IsFile(path)) return path;
  if (which.empty()) {
    return absl::NotFoundError(absl::StrCat(
        run_dir, " has no model yet; the first is written after checkpoint.save_freq env steps"));
  }
  return absl::NotFoundError(
      absl::StrCat(run_dir, " has no model '", which, "'; there are: ", ListModels(run_dir)));
}

}  // namespace armature
