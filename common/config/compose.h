// Decides which files make up a configuration, and in what order. Uses groups of options and
// `defaults` lists, as in Hydra.
//
// A folder inside a configuration folder is a group; a file in it is an option: `algorithm=td3`
// chooses algorithm/td3.yaml. A file may set any key. Its `defaults` list says what is loaded
// before and after its own keys; later values win:
//
//   defaults:
//     - environment: panda_reach           # an option of a group
//     - base                               # a file of the same folder
//     - optional ${environment}_tuned      # another file, if there is one
//     - _self_                             # this file's keys; left out: at the end
//     - override algorithm: td3            # instead of what a list below this file chooses
//     - hand: null                         # nothing, unless the command line chooses
//
// A command-line choice replaces the option that the lists name for that group; if no list names
// the group, the chosen file is loaded last. An `override` entry also replaces the option, unless
// the command line chose one. If several lists override a group, the outermost wins. Overriding a
// group that no list names is an error. `/group` means `group`. `${group}` stands for the chosen
// option, in lists and in values.
// Data flow: Compose -> LoadYaml for each text, in order.
// Bounds: lists nest at most kDepthMax files deep.
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_CONFIG_COMPOSE_H_
#define ARMATURE_COMMON_CONFIG_COMPOSE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace armature {

// Configuration folders. If several contain a file of the same name, the first folder wins.
class ConfigFolders {
 public:
  explicit ConfigFolders(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  void AddFirst(const std::string& folder) { folders_.insert(folders_.begin(), folder); }

  // Returns the path of NAME.yaml, or of GROUP/NAME.yaml if `group` is not empty.
  // Returns NotFound otherwise; the message lists the available names and the nearest.
  absl::StatusOr<std::string> Find(const std::string& group, const std::string& name) const;

  std::vector<std::string> Groups() const;  // Sorted.
  // Sorted; "": the top-level files.
  std::vector<std::string> Options(const std::string& group) const;

 private:
  std::vector<std::string> folders_;
};

struct ConfigText {
  std::string path;
  std::string text;  // YAML with the `defaults` list blanked out, so line numbers do not change.
};

inline constexpr int kDepthMax = 16;

// Returns the texts that make up `path`, in loading order. `choices` maps each chosen group to its
// option.
// Returns NotFound if a group, file or option does not exist; InvalidArgument if a list is
// malformed or includes its own file again. Messages name file and line.
absl::StatusOr<std::vector<ConfigText>> Compose(const std::string& path,
                                                const ConfigFolders& folders,
                                                const std::map<std::string, std::string>& choices);

}  // namespace armature

#endif  // ARMATURE_COMMON_CONFIG_COMPOSE_H_
