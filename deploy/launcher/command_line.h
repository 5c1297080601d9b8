// A program and its flags, written as one line of text.
//
// Thread safety: free functions.
#ifndef ARMATURE_DEPLOY_LAUNCHER_COMMAND_LINE_H_
#define ARMATURE_DEPLOY_LAUNCHER_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// The words of `text` as a shell splits them: at blanks, except in '...' (taken as
// it is) and "..." (where \ keeps " and \ from their meaning); elsewhere \ does so
// for any character. Nothing is expanded: $, *, ~, ; and | are ordinary.
// OK; InvalidArgument: a quote without its end, or no word at all.
absl::StatusOr<std::vector<std::string>> SplitCommand(absl::string_view text);

// The path of the program that `name` starts: itself where it has a '/', else in
// the first folder of $PATH that has it.
// OK; NotFound: no such file that may be executed (says where it was looked for).
absl::StatusOr<std::string> FindExecutable(const std::string& name);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_COMMAND_LINE_H_
