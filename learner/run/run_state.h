// Tells the user why an unfinished run has stopped and how to continue it.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_RUN_RUN_STATE_H_
#define ARMATURE_LEARNER_RUN_RUN_STATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace armature {

// Marks an unfinished run in its card (README.md); the sentence may end here or continue.
inline constexpr char kNotEnded[] = "The run has not ended";

// Writes into the card in `run_dir` why the run has stopped and how to continue: `why`, without a
// full stop. Does nothing if there is no card or the run is over. Errors as WriteDurably.
absl::Status NoteRunState(const std::string& run_dir, absl::string_view why);

// The command that continues the run in `run_dir`, with `override` (key=value, or empty). Works in
// a shell in any folder.
std::string ResumeCommand(const std::string& run_dir, const std::string& override = "");

// "go on with <command>", or "begin anew with <command>" if there is no checkpoint.
std::string GoOnSentence(const std::string& run_dir, const std::string& override = "");

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_STATE_H_
