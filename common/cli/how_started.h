#ifndef ARMATURE_COMMON_CLI_HOW_STARTED_H_
#define ARMATURE_COMMON_CLI_HOW_STARTED_H_

#include <string>

namespace armature {

// How the user starts `verb`: with Bazel, or with the launcher of the bundle that this program
// is in. For commands that a program tells its user; flags follow.
// Thread safety: free function.
std::string HowStarted(const std::string& verb);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_HOW_STARTED_H_
