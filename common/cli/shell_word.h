// Quotes words for the shell commands that a program shows its user.
#ifndef ARMATURE_COMMON_CLI_SHELL_WORD_H_
#define ARMATURE_COMMON_CLI_SHELL_WORD_H_

#include <string>

#include "absl/strings/string_view.h"

namespace armature {

// Returns `word` so that a POSIX shell reads it back unchanged; quoted only if needed.
// Thread safety: free function.
std::string ShellWord(absl::string_view word);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_SHELL_WORD_H_
