// Splits a command written as one line of text, and finds its program.
//
// Thread safety: free functions.
#ifndef ARMATURE_DEPLOY_LAUNCHER_COMMAND_LINE_H_
#define ARMATURE_DEPLOY_LAUNCHER_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// Splits `text` into words like a shell: at blanks, except within '...' (taken literally) and "..."
// (where \ escapes " and \); elsewhere \ escapes any character. Nothing is expanded: $, *, ~, ; and
// | are ordinary characters.
// Returns InvalidArgument for an unclosed quote, or if there is no word.
absl::StatusOr<std::vector<std::string>> SplitCommand(absl::string_view text);

// Returns the path of the program `name`: `name` itself if it contains '/', else from the first
// folder of $PATH that has it.
// Returns NotFound if there is no such executable file; the message says where it looked.
absl::StatusOr<std::string> FindExecutable(const std::string& name);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_COMMAND_LINE_H_
