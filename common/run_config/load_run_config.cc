#include "common/run_config/load_run_config.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/cli/config_file.h"
#include "common/config/compose.h"
#include "common/files/atomic_file.h"

namespace armature {
namespace {

// Default if no CONFIG is given.
constexpr char kPrimary[] = "config";

// The command line's words, by kind.
struct Words {
  std::string config;
  std::map<std::string, std::string> choices;  // Option by group.
  std::vector<std::string> overrides;
};

absl::Status KeepsItsConfiguration(const std::string& word) {
  return absl::InvalidArgumentError(absl::StrCat(
      "'", word, "': a resumed run keeps its configuration; single keys may be given: key=value"));
}

// Removes Hydra's + or ++: every key exists already, or belongs to a free map.
absl::StatusOr<std::string> PlainWord(const std::string& word) {
  if (absl::StartsWith(word, "~")) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", word,
                     "': nothing is taken out of a configuration; key=value sets a "
                     "key, and docs/configuration.md has the defaults"));
  }
  absl::string_view plain = word;
  if (!absl::ConsumePrefix(&plain, "++")) absl::ConsumePrefix(&plain, "+");
  if (absl::StartsWith(plain, "hydra.") || absl::StartsWith(plain, "hydra/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", word,
                     "': Hydra's own settings have no place here; the run's folder is "
                     "--run_dir, and several runs are //deploy:sweep"));
  }
  return std::string(plain);
}

absl::StatusOr<Words> SortWords(const ConfigFlags& flags, const ConfigFolders& folders,
                                const std::string& resume_dir) {
  const std::vector<std::string> groups = folders.Groups();
  Words result;
  result.config = resume_dir.empty() ? flags.config_name : resume_dir + "/config.yaml";
  for (const std::string& given : flags.words) {
    const absl::StatusOr<std::string> plain = PlainWord(given);
    if (!plain.ok()) return plain.status();
    const std::string& word = *plain;
    const std::pair<std::string, std::string> parts = absl::StrSplit(word, absl::MaxSplits('=', 1));
    if (!absl::StrContains(word, '=')) {
      if (!resume_dir.empty()) return KeepsItsConfiguration(word);
      if (!result.config.empty()) {
        return absl::InvalidArgumentError(absl::StrCat("'", word, "': expected key=value, since ",
                                                       result.config,
                                                       " is the configuration already"));
      }
      result.config = word;
    } else if (std::find(groups.begin(), groups.end(), parts.first) == groups.end() ||
               absl::StartsWith(parts.second, "{")) {  // A section's keys at once.
      result.overrides.push_back(word);
    } else if (!resume_dir.empty()) {
      return KeepsItsConfiguration(word);
    } else if (!result.choices.insert(parts).second) {
      return absl::InvalidArgumentError(absl::StrCat("group ", parts.first, " is chosen twice"));
    }
  }
  if (result.config.empty()) result.config = kPrimary;
  return result;
}

// Returns advice for a refused "key=value": use sweep, if the value is a list of values that
// `accepts` accepts one by one.
absl::Status WithHintAtSweep(const absl::Status& refusal, const std::string& word,
                             const std::function<bool(const std::string& word)>& accepts) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(word, absl::MaxSplits('=', 1));
  const std::vector<std::string> values = absl::StrSplit(parts.second, ',');
  if (values.size() < 2 ||
      !std::all_of(values.begin(), values.end(), [&](const std::string& value) {
        return accepts(absl::StrCat(parts.first, "=", value));
      })) {
    return refusal;
  }
  return absl::Status(refusal.code(), absl::StrCat(refusal.message(),
                                                   "; for a run of each value: bazel run "
                                                   "//deploy:sweep -- CONFIG ",
                                                   word));
}

// A config.yaml truncated by a full disk or a crash would be read as if the lost keys had their
// defaults.
absl::Status CheckWhole(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  if (!absl::StripAsciiWhitespace(*text).empty() && text->back() == '\n') return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(path, " is damaged: it ", text->empty() ? "is empty" : "is cut short",
                   "; README.md beside it lists the settings that were not the default"));
}

std::string GroupsReference() {
  const ConfigFolders folders = FindConfigFolders("");
  std::string text = "| group | options |\n|---|---|\n";
  for (const std::string& group : folders.Groups()) {
    absl::StrAppend(&text, "| `", group, "` | `", absl::StrJoin(folders.Options(group), "`, `"),
                    "` |\n");
  }
  absl::StrAppend(&text, "\nShipped as CONFIG: `", absl::StrJoin(folders.Options(""), "`, `"),
                  "`.\n");
  return text;
}

}  // namespace

void AddConfigFlags(CLI::App& app, ConfigFlags* flags) {
  auto* words =
      app.add_option("CONFIG group=option key=value", flags->words,
                     "A YAML file or the name of a shipped one, options such as algorithm=td3 and "
                     "environment=panda_reach, and single keys such as algorithm.sac.gamma=0.95. "
                     "`bazel run //learner -- --config_reference` lists them all.");
  words->type_name("");
  app.require_option(1, 0);  // Without arguments, show the help.
  app.add_flag_callback(
         "-m,--multirun",
         [] {
           throw CLI::ValidationError(
               "--multirun", "several runs are bazel run //deploy:sweep -- CONFIG key=value,value");
         })
      ->group("");
  app.add_option("--config-name", flags->config_name, "CONFIG, as a flag.");
  app.add_option("--config-dir", flags->config_dir,
                 "A folder of configurations and groups of your own, looked into first.");
  app.add_option("--cfg", flags->cfg, "`--cfg job` prints the composed configuration, and ends.")
      ->check(CLI::IsMember({"job"}));
}

absl::StatusOr<RunConfig> LoadRunConfig(const ConfigFlags& flags, const std::string& resume_dir) {
  std::error_code ignored;
  if (!flags.config_dir.empty() && !std::filesystem::is_directory(flags.config_dir, ignored)) {
    return absl::NotFoundError(absl::StrCat("--config-dir ", flags.config_dir, ": no such folder"));
  }
  ConfigFolders folders = FindConfigFolders(flags.config_dir);
  const absl::StatusOr<Words> words = SortWords(flags, folders, resume_dir);
  if (!words.ok()) return words.status();
  const absl::StatusOr<std::string> path = FindConfigFile(words->config, folders);
  if (!path.ok()) return path.status();
  if (!resume_dir.empty()) {
    if (absl::Status status = CheckWhole(*path); !status.ok()) return status;
  }
  const std::string folder = std::filesystem::path(*path).parent_path();
  folders.AddFirst(folder.empty() ? "." : folder);
  for (const auto& [group, option] : words->choices) {
    const absl::Status found = folders.Find(group, option).status();
    if (found.ok()) continue;
    return WithHintAtSweep(found, absl::StrCat(group, "=", option), [&](const std::string& word) {
      return folders.Find(group, word.substr(group.size() + 1)).ok();
    });
  }
  const absl::StatusOr<std::vector<ConfigText>> texts = Compose(*path, folders, words->choices);
  if (!texts.ok()) return texts.status();
  RunConfig config;
  for (const ConfigText& text : *texts) {
    const absl::Status status = LoadYaml(text.text, text.path, ConfigOf(config));
    if (!status.ok()) return status;
  }
  for (const std::string& text : words->overrides) {
    const RunConfig before = config;
    const absl::Status status = ApplyOverride(text, ConfigOf(config));
    if (status.ok()) continue;
    return WithHintAtSweep(status, text, [&](const std::string& word) {
      RunConfig one = before;
      return ApplyOverride(word, ConfigOf(one)).ok();
    });
  }
  if (absl::Status status = config.Validate(); !status.ok()) return status;
  return config;
}

absl::Status ResolveDemonstrations(DemonstrationsConfig* demonstrations) {
  std::string& path = demonstrations->path;
  if (path.empty()) return absl::OkStatus();
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    return absl::NotFoundError(absl::StrCat("algorithm.demonstrations.path=", path,
                                            ": no such file; armature.record_demonstrations makes"
                                            " one (docs/demonstrations.md)"));
  }
  path = std::filesystem::absolute(path).string();
  return absl::OkStatus();
}

std::string ConfigReference() {
  RunConfig defaults;
  return absl::StrCat(
      "# Configuration reference\n\n"
      "Written by `bazel run //learner -- --config_reference > docs/configuration.md`; how\n"
      "files and groups are composed is in docs/decisions/0008-configuration-groups.md.\n\n"
      "## Groups\n\n",
      GroupsReference(), "\n## Keys\n\n", ToMarkdown(ConfigOf(defaults)));
}

}  // namespace armature
