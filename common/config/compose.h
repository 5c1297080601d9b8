// Which files make a configuration, and in what order: groups of options and
// `defaults` lists, as Hydra's users know them.
//
// A folder inside a configuration folder is a group, a file in it an option:
// algorithm/td3.yaml is chosen by `algorithm=td3`. A file may set any key. Its list
// `defaults` says what goes before and after its own keys; what comes later wins:
//
//   defaults:
//     - environment: panda_reach           # an option of a group
//     - base                               # a file of the same folder
//     - optional ${environment}_tuned      # another file, if there is one
//     - _self_                             # this file's keys; left out: at the end
//     - override algorithm: td3            # instead of what a list below this file chooses
//     - hand: null                         # nothing, unless the command line chooses
//
// A choice replaces the option that lists name for its group; where none names it,
// its file comes last. So does an override, unless there is a choice; the outermost
// counts, and one of a group that no list names is an error. `/group` is `group`.
// `${group}` stands for the option chosen, in lists and in values.
// Data flow: Compose -> LoadYaml of each text, in order.
// Bounds: files lie kDepthMax deep in each other's lists.
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_CONFIG_COMPOSE_H_
#define ARMATURE_COMMON_CONFIG_COMPOSE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace armature {

// Configuration folders; of files of one name, the first folder's is meant.
class ConfigFolders {
 public:
  explicit ConfigFolders(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  void AddFirst(const std::string& folder) { folders_.insert(folders_.begin(), folder); }

  // The path of NAME.yaml, or of GROUP/NAME.yaml if `group` is not empty.
  // OK; NotFound: names those there are, and the nearest.
  absl::StatusOr<std::string> Find(const std::string& group, const std::string& name) const;

  std::vector<std::string> Groups() const;                           // Sorted.
  std::vector<std::string> Options(const std::string& group) const;  // Sorted; "": the files.

 private:
  std::vector<std::string> folders_;
};

struct ConfigText {
  std::string path;
  std::string text;  // YAML with its list `defaults` blanked out: lines keep their numbers.
};

inline constexpr int kDepthMax = 16;

// The texts that `path` stands for, in the order in which they are to be loaded.
// `choices`: an option for each group chosen; a group that does not exist is NotFound.
// OK; NotFound: a file or option is missing; InvalidArgument: a list is malformed, or
// leads back to its own file. Messages name file and line.
absl::StatusOr<std::vector<ConfigText>> Compose(const std::string& path,
                                                const ConfigFolders& folders,
                                                const std::map<std::string, std::string>& choices);

}  // namespace armature

#endif  // ARMATURE_COMMON_CONFIG_COMPOSE_H_
