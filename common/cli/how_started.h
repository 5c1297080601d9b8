#ifndef ARMATURE_COMMON_CLI_HOW_STARTED_H_
#define ARMATURE_COMMON_CLI_HOW_STARTED_H_

#include <string>

namespace armature {

// Returns the command with which the user starts `verb`: through Bazel, or through the launcher of
// the bundle that contains this program. Used in commands shown to the user; flags follow.
// Thread safety: free function.
std::string HowStarted(const std::string& verb);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_HOW_STARTED_H_
