// Computes return, length and metrics of one group's episodes, and the parameters they began with.
//
// The episode of a restarted slot is void: it is dropped, not reported. With `steps_max` > 0, an
// episode that has not ended after that many steps counts as ended and is marked `cut`.
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_PLAY_EPISODE_TRACKER_H_
#define ARMATURE_COMMON_PLAY_EPISODE_TRACKER_H_

#include <cstdint>
#include <vector>

#include "common/env_client/step_decoder.h"
#include "common/play/episode_metrics.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class EpisodeTracker {
 public:
  // For steps of environments that look like `env`.
  EpisodeTracker(const EnvSpec& env, int64_t num_slots, int64_t steps_max = 0);

  struct Ended {
    int64_t slot;
    v1::Episode episode;
  };
  // Returns the episodes that `step` ended, by ascending slot. Step 0 starts over.
  std::vector<Ended> OnStep(const DecodedStep& step);

 private:
  struct Running {
    double return_sum = 0;
    uint32_t length = 0;
  };
  void Begin(int64_t slot);
  v1::Episode Finish(int64_t slot, bool is_success) const;

  const int64_t steps_max_;
  std::vector<Running> running_;
  EpisodeMetrics metrics_;
  std::vector<double> parameter_;  // [n, p], of the episodes under way.
};

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_EPISODE_TRACKER_H_
