#include "common/config/compose.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/config/config.h"
#include "common/config/quote_addresses.h"
#include "common/files/atomic_file.h"
#include "yaml-cpp/yaml.h"

namespace armature {
namespace {

constexpr char kSelf[] = "_self_";
constexpr char kOptional[] = "optional ";
constexpr char kOverride[] = "override ";

// One item of a list `defaults`.
struct Item {
  std::string group;  // Empty: `name` is a file or kSelf.
  std::string name;   // Empty: nothing, unless the command line chooses.
  bool optional = false;
  bool overrides = false;
  int line = 0;
};

class Composer {
 public:
  Composer(const ConfigFolders& folders, const std::map<std::string, std::string>& choices)
      : folders_(folders), choices_(choices), chosen_(choices) {}

  // `group` is the group of which the file is an option; empty: none.
  absl::Status Add(const std::string& path, const std::string& group) {
    if (std::find(open_.begin(), open_.end(), path) != open_.end() || open_.size() >= kDepthMax) {
      return absl::InvalidArgumentError(
          absl::StrCat(open_.back(), ": its defaults lead back to ", path));
    }
    absl::StatusOr<std::string> text = ReadWholeFile(path);
    if (!text.ok()) return text.status();
    absl::StatusOr<std::vector<Item>> items = TakeDefaults(path, &*text);
    if (!items.ok()) return items.status();
    open_.push_back(path);
    for (const Item& item : *items) {
      if (item.overrides) overrides_.emplace(item.group, Override{item.name, path, item.line});
    }
    for (const Item& item : *items) {
      if (item.overrides) continue;
      const absl::Status status = item.group.empty() && item.name == kSelf
                                      ? AddSelf(path, *text)
                                      : AddItem(path, group, item);
      if (!status.ok()) return status;
    }
    open_.pop_back();
    return absl::OkStatus();
  }

  // Choices of groups that no list has named.
  absl::Status AddRest() {
    for (const auto& [group, override] : overrides_) {
      if (used_.count(group) > 0) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(override.path, ":", override.line, ": 'override ", group,
                       "': no list chooses of that group, so there is nothing to replace; write '",
                       group, ": ", override.option, "'"));
    }
    for (const auto& [group, option] : choices_) {
      if (used_.count(group) > 0) continue;
      const absl::StatusOr<std::string> path = folders_.Find(group, option);
      if (!path.ok()) return path.status();
      if (absl::Status status = Add(*path, group); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  std::vector<ConfigText> TakeTexts() { return std::move(texts_); }

 private:
  struct Override {
    std::string option;
    std::string path;
    int line;
  };

  static absl::Status Malformed(const std::string& path, int line, const std::string& got) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", line, ": defaults: expected a list of 'group: option', names of",
                     " files and _self_, got ", got));
  }

  // A file's `defaults` list, with _self_, and its text without the list.
  static absl::StatusOr<std::vector<Item>> TakeDefaults(const std::string& path,
                                                        std::string* text) {
    YAML::Node root;
    try {
      root = YAML::Load(QuoteAddresses(*text));
    } catch (const YAML::Exception& error) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", error.mark.line + 1, ": not YAML: ", error.msg));
    }
    const Item self{"", kSelf, false, 0};
    if (!root.IsMap() || !root["defaults"]) return std::vector<Item>{self};
    if (absl::Status status = Blank(path, root, text); !status.ok()) return status;
    const YAML::Node list = root["defaults"];
    if (!list.IsSequence()) return Malformed(path, list.Mark().line + 1, "something else");
    std::vector<Item> items;
    bool has_self = false;
    for (const YAML::Node& node : list) {
      Item item;
      item.line = node.Mark().line + 1;
      if (node.IsMap() && node.size() == 1 && node.begin()->first.IsScalar() &&
          (node.begin()->second.IsScalar() || node.begin()->second.IsNull())) {
        absl::string_view group = node.begin()->first.Scalar();
        item.overrides = absl::ConsumePrefix(&group, kOverride);
        item.optional = absl::ConsumePrefix(&group, kOptional);
        absl::ConsumePrefix(&group, "/");
        item.group = std::string(group);
        if (node.begin()->second.IsScalar()) item.name = node.begin()->second.Scalar();
        if (const size_t at = group.find('@'); at != absl::string_view::npos) {
          return absl::InvalidArgumentError(
              absl::StrCat(path, ":", item.line, ": '", group, ": ", item.name,
                           "': an option sets keys by their full names; write '",
                           group.substr(0, at), ": ", item.name, "'"));
        }
      } else if (node.IsScalar() && !node.Scalar().empty()) {
        item.name = node.Scalar();
        absl::string_view name = item.name;
        item.optional = absl::ConsumePrefix(&name, kOptional);
        item.name = std::string(name);
        has_self |= item.name == kSelf;
      } else {
        return Malformed(path, item.line, "something else");
      }
      items.push_back(item);
    }
    if (!has_self) items.push_back(self);
    return items;
  }

  // Blanks out the lines of `defaults`.
  static absl::Status Blank(const std::string& path, const YAML::Node& root, std::string* text) {
    int begin = 0;
    for (const auto& entry : root) {
      if (entry.first.IsScalar() && entry.first.Scalar() == "defaults") {
        begin = entry.first.Mark().line;
      }
    }
    std::vector<std::string> lines = absl::StrSplit(*text, '\n');
    int end = static_cast<int>(lines.size());
    for (const auto& entry : root) {
      const int line = entry.first.Mark().line;
      if (line > begin) end = std::min(end, line);
    }
    if (!absl::StartsWith(lines[begin], "defaults:")) {
      return Malformed(path, begin + 1, "a list that does not begin its own line");
    }
    for (int line = begin; line < end; ++line) lines[line].clear();
    *text = absl::StrJoin(lines, "\n");
    return absl::OkStatus();
  }

  // Returns `text` with every ${group} replaced by its chosen option.
  absl::StatusOr<std::string> Interpolate(const std::string& path, absl::string_view text) const {
    std::string result;
    for (size_t begin = text.find("${"); begin != absl::string_view::npos;
         begin = text.find("${")) {
      const size_t end = text.find('}', begin);
      const std::string group(text.substr(begin + 2, end - begin - 2));
      const auto option = chosen_.find(group);
      if (end == absl::string_view::npos || option == chosen_.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ": '${", group, "}': no option of that group is chosen before it"));
      }
      absl::StrAppend(&result, text.substr(0, begin), option->second);
      text.remove_prefix(end + 1);
    }
    return absl::StrCat(result, text);
  }

  absl::Status AddSelf(const std::string& path, const std::string& text) {
    absl::StatusOr<std::string> complete = Interpolate(path, text);
    if (!complete.ok()) return complete.status();
    texts_.push_back({path, *std::move(complete)});
    return absl::OkStatus();
  }

  absl::Status AddItem(const std::string& path, const std::string& own_group, const Item& item) {
    absl::StatusOr<std::string> name = Interpolate(path, item.name);
    if (!name.ok()) return name.status();
    const std::string& group = item.group.empty() ? own_group : item.group;
    if (!item.group.empty()) {
      const auto choice = choices_.find(group);
      const auto override = overrides_.find(group);
      if (choice != choices_.end()) {
        name = choice->second;
      } else if (override != overrides_.end()) {
        name = override->second.option;
      }
      used_.insert(group);
      if (name->empty()) return absl::OkStatus();
      chosen_[group] = *name;
    }
    const absl::StatusOr<std::string> file = folders_.Find(group, *name);
    if (absl::IsNotFound(file.status()) && item.optional) return absl::OkStatus();
    if (!file.ok()) {
      return absl::NotFoundError(absl::StrCat(path, ":", item.line, ": ", file.status().message()));
    }
    return Add(*file, group);
  }

  const ConfigFolders& folders_;
  const std::map<std::string, std::string>& choices_;
  std::map<std::string, Override> overrides_;  // By group; from the outermost list.
  std::map<std::string, std::string> chosen_;  // Choices made so far.
  std::set<std::string> used_;                 // Groups that a list has named.
  std::vector<std::string> open_;              // Files whose lists are being read.
  std::vector<ConfigText> texts_;
};

}  // namespace

absl::StatusOr<std::string> ConfigFolders::Find(const std::string& group,
                                                const std::string& name) const {
  std::error_code ignored;
  for (const std::string& folder : folders_) {
    const std::string path =
        absl::StrCat(folder, "/", group, group.empty() ? "" : "/", name, ".yaml");
    if (std::filesystem::is_regular_file(path, ignored)) return path;
  }
  const std::string kind = group.empty() ? "configuration" : group;
  const std::vector<std::string> options = Options(group);
  if (!group.empty() && options.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no group '", group, "': there are ", absl::StrJoin(Groups(), ", ")));
  }
  const std::string nearest = NearestName(name, options);
  return absl::NotFoundError(
      absl::StrCat("no ", kind, " '", name, "': expected ", group.empty() ? "a file or " : "",
                   "one of ", absl::StrJoin(options, ", "),
                   nearest.empty() ? "" : absl::StrCat("; did you mean '", nearest, "'?")));
}

std::vector<std::string> ConfigFolders::Groups() const {
  std::set<std::string> names;
  std::error_code ignored;
  for (const std::string& folder : folders_) {
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename();
      if (entry.is_directory(ignored) && !ConfigFolders({folder}).Options(name).empty()) {
        names.insert(name);
      }
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> ConfigFolders::Options(const std::string& group) const {
  std::set<std::string> names;
  std::error_code ignored;
  for (const std::string& folder : folders_) {
    for (const auto& entry :
         std::filesystem::directory_iterator(absl::StrCat(folder, "/", group), ignored)) {
      if (entry.path().extension() == ".yaml") names.insert(entry.path().stem());
    }
  }
  return {names.begin(), names.end()};
}

absl::StatusOr<std::vector<ConfigText>> Compose(const std::string& path,
                                                const ConfigFolders& folders,
                                                const std::map<std::string, std::string>& choices) {
  for (const auto& [group, option] : choices) {
    if (const auto file = folders.Find(group, option); !file.ok()) return file.status();
  }
  Composer composer(folders, choices);
  absl::Status status = composer.Add(path, "");
  if (status.ok()) status = composer.AddRest();
  if (!status.ok()) return status;
  return composer.TakeTexts();
}

}  // namespace armature
