#include "learner/training/run_card.h"

#include <filesystem>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/cli/how_started.h"
#include "common/cli/shell_word.h"
#include "common/files/atomic_file.h"
#include "common/run_config/run_settings.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/run/run_models.h"
#include "learner/run/run_state.h"
#include "nlohmann/json.hpp"
#include "torch/version.h"

namespace armature {
namespace {

// As "a.b.c=value".
std::vector<std::string> Settings(const RunConfig& config) {
  std::vector<std::string> settings;
  for (const auto& [key, value] : RunSettings(config)) {
    settings.push_back(absl::StrCat(key, "=", value));
  }
  return settings;
}

std::string Number(const nlohmann::json& value) {
  return value.is_number() ? absl::StrFormat("%.6g", value.get<double>()) : "not evaluated";
}

std::string Results(const std::string& run_dir) {
  std::string text;
  const absl::StatusOr<std::string> written = ReadWholeFile(run_dir + "/result.json");
  const auto result = written.ok() ? nlohmann::json::parse(*written, nullptr, false)
                                   : nlohmann::json(nlohmann::json::value_t::discarded);
  if (result.is_object()) {
    absl::StrAppend(&text, "| | |\n|---|---|\n| return, mean | ", Number(result["return_mean"]),
                    " |\n| success rate | ", Number(result["success_rate"]), " |\n| env steps | ",
                    Number(result["env_steps"]), " |\n| wall time, s | ", Number(result["wall_s"]),
                    " |\n| ended because | ",
                    result["reason"].is_string() ? result["reason"].get<std::string>() : "",
                    " |\n");
  } else {
    absl::StrAppend(&text, kNotEnded, ".\n");
  }
  const absl::StatusOr<TensorFile> best = TensorFile::Read(ModelPath(run_dir, kBestModel));
  if (best.ok()) {
    std::map<std::string, std::string> metadata = best->metadata;
    const std::string success = metadata["evaluation_success_rate"];
    absl::StrAppend(&text, "\nBest evaluation: return ", metadata["evaluation_return_mean"],
                    success.empty() ? "" : absl::StrCat(", success rate ", success), " over ",
                    metadata["evaluation_episodes"], " episodes, of the policy of ",
                    metadata["env_steps"], " env steps.\n");
  }
  absl::StrAppend(&text, "\nModels: ", ListModels(run_dir), ".\n");
  return text;
}

// The file's text without the line end; empty if there is no such file.
std::string TrimmedFile(const std::filesystem::path& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

}  // namespace

std::string CommitOf(const std::string& folder) {
  // In a worktree, .git is a file that names the folder with its HEAD. The branches are in the
  // clone's folder, which commondir names.
  std::filesystem::path own = folder + "/.git";
  if (std::string link = TrimmedFile(own); !link.empty()) {
    absl::string_view target = link;
    if (!absl::ConsumePrefix(&target, "gitdir: ")) return "";
    own = folder / std::filesystem::path(std::string(target));
  }
  const std::string shared_path = TrimmedFile(own / "commondir");
  const std::filesystem::path shared = shared_path.empty() ? own : own / shared_path;

  const std::string head = TrimmedFile(own / "HEAD");
  absl::string_view branch = head;
  if (!absl::ConsumePrefix(&branch, "ref: ")) return head;
  if (std::string commit = TrimmedFile(shared / std::string(branch)); !commit.empty())
    return commit;
  const absl::StatusOr<std::string> packed = ReadWholeFile(shared / "packed-refs");
  if (!packed.ok()) return "";
  for (const absl::string_view line : absl::StrSplit(*packed, '\n')) {
    const std::pair<absl::string_view, absl::string_view> ref =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    if (ref.second == branch) return std::string(ref.first);
  }
  return "";
}

absl::Status WriteRunCard(const std::string& run_dir, const std::string& run_id,
                          const RunConfig& config, const std::string& commit) {
  const std::string run = ShellWord(std::filesystem::absolute(run_dir).string());
  const std::vector<std::string> defaults = Settings(RunConfig());
  const std::set<std::string> usual(defaults.begin(), defaults.end());
  std::string settings;
  for (const std::string& setting : Settings(config)) {
    if (usual.count(setting) == 0) absl::StrAppend(&settings, setting, "\n");
  }
  return WriteDurably(
      run_dir + "/README.md",
      absl::StrCat("# ", config.algorithm.name, " on ", config.environment.id, "\n\nRun `", run_id,
                   "`, seed ", config.run.seed, ", Armature",
                   commit.empty() ? "" : absl::StrCat(" at commit ", commit), ", LibTorch ",
                   TORCH_VERSION, ".\n\n## Results\n\n", Results(run_dir),
                   "\n## Settings that are not the default\n\n```\n", settings,
                   "```\n\n## Use\n\n```sh\n", HowStarted("eval"), " ", run, "\n",
                   HowStarted("play"), " ", run, "\n", ResumeCommand(run_dir), "\n```\n"));
}

}  // namespace armature
