// Steps one session until all episodes of an evaluation are complete.
//
// Data flow: EnvSession -> EvaluationTally, act -> EnvSession.
// Thread safety: belongs to the session's thread.
#ifndef ARMATURE_COMMON_PLAY_PLAY_EPISODES_H_
#define ARMATURE_COMMON_PLAY_PLAY_EPISODES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/env_client/env_session.h"
#include "common/env_client/step_decoder.h"
#include "common/play/evaluation_tally.h"
#include "common/play/onlooker.h"
#include "common/sync/wake_signal.h"

namespace armature {

struct PlayOptions {
  // Returns actions for all slots: [n, A] in the environment's units. Not called for the step that
  // completes the tally, nor for a step after which the tally awaits a reset.
  std::function<absl::StatusOr<std::vector<float>>(const DecodedStep& step)> act;
  // If set: called with the step that completes the tally.
  std::function<void(const DecodedStep& step)> on_last;
  // Returns true to give up; called after every wait.
  std::function<bool()> cancelled;
  // Sees each step before it is answered, the last one too.
  Onlooker* onlooker = &Onlooker::Nobody();
  int64_t restarts_max = 0;  // Number of simulators that may be replaced.
};

// `signal` is the session's, which has one group. After an error, `tally` holds what was played so
// far.
// Returns OK once the tally is complete; Cancelled if options.cancelled says so; Unavailable if the
// session ended or too many simulators were replaced; errors of act and of the onlooker.
absl::Status PlayEpisodes(EnvSession* session, const PlayOptions& options, WakeSignal* signal,
                          EvaluationTally* tally);

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_PLAY_EPISODES_H_
