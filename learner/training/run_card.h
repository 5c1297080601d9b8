// README.md in a run's folder: what was learned, with which settings and versions, the results, and
// how to continue, evaluate and play.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_TRAINING_RUN_CARD_H_
#define ARMATURE_LEARNER_TRAINING_RUN_CARD_H_

#include <string>

#include "absl/status/status.h"
#include "common/run_config/run_config.h"

namespace armature {

// Returns the commit checked out in the clone or worktree at `folder`; empty if it is neither, or
// has no commit yet. Reads refs from files and packed-refs (gitrepository-layout(5)).
std::string CommitOf(const std::string& folder);

// Writes the card from `config` and what is in the folder now: result.json, models. Errors as
// WriteDurably.
absl::Status WriteRunCard(const std::string& run_dir, const std::string& run_id,
                          const RunConfig& config, const std::string& commit);

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_RUN_CARD_H_
