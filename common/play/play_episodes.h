// Steps one session until an evaluation's episodes are complete.
//
// Data flow: EnvSession -> EvaluationTally, act -> EnvSession.
// Thread safety: belongs to one thread, that of the session.
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
#include "common/sync/wake_signal.h"
#include "proto/env_service.pb.h"

namespace armature {

struct PlayOptions {
  // Decides for every slot: [n, A] in the environment's units. Not called for the
  // step that completes the tally, nor for one after which it awaits a reset.
  std::function<absl::StatusOr<std::vector<float>>(const DecodedStep& step)> act;
  // If set: the step that completes the tally.
  std::function<void(const DecodedStep& step)> on_last;
  // Whether to give up; asked after every wait.
  std::function<bool()> cancelled;
  // If set: sees a picture of slot 0 before each step is answered. The session has
  // one group, and its environment renders.
  std::function<absl::Status(const v1::Frame& frame)> on_frame;
  int64_t restarts_max = 0;  // Simulators that may be replaced.
};

// `signal` is the session's. `tally` has what was played also after an error.
// OK: the tally is complete; Cancelled: as options.cancelled; Unavailable: the session ended or too
// many simulators were replaced; what act or on_frame returned.
absl::Status PlayEpisodes(EnvSession* session, const PlayOptions& options, WakeSignal* signal,
                          EvaluationTally* tally);

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_PLAY_EPISODES_H_
