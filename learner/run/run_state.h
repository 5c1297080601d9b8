// What is told of a run that is not over: how it came to stand still, and how it goes on.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_RUN_RUN_STATE_H_
#define ARMATURE_LEARNER_RUN_RUN_STATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace armature {

// Of a run's card (README.md), where it is not over; the sentence ends here or goes on.
inline constexpr char kNotEnded[] = "The run has not ended";

// Says in the card in `run_dir` why the run stands still and what makes it go on: `why`,
// without a full stop. Nothing is changed where there is no card, or the run is over.
// OK; errors as WriteDurably.
absl::Status NoteRunState(const std::string& run_dir, absl::string_view why);

// The command that makes the run in `run_dir` go on, with `override` (key=value; may be
// empty), for a shell in any folder.
std::string ResumeCommand(const std::string& run_dir, const std::string& override = "");

// "go on with <command>", or, where there is no checkpoint to go on from, "begin anew with" it.
std::string GoOnSentence(const std::string& run_dir, const std::string& override = "");

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_STATE_H_
