// Words of the commands that a program tells its user.
#ifndef ARMATURE_COMMON_CLI_SHELL_WORD_H_
#define ARMATURE_COMMON_CLI_SHELL_WORD_H_

#include <string>

#include "absl/strings/string_view.h"

namespace armature {

// `word` as a POSIX shell reads it back: itself, or in quotes where it needs them.
// Thread safety: free function.
std::string ShellWord(absl::string_view word);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_SHELL_WORD_H_
