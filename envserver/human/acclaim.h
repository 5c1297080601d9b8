// Acclaim's ASF (a skeleton: bones with directions, lengths, axes) and AMC (its motion).
#ifndef ARMATURE_ENVSERVER_HUMAN_ACCLAIM_H_
#define ARMATURE_ENVSERVER_HUMAN_ACCLAIM_H_

#include <string>

#include "absl/status/statusor.h"
#include "envserver/human/recorded_motion.h"

namespace armature {

// A joint of the result is where a bone begins, and has the bone's name; where a bone without
// children ends there is "head End". Turns are applied in the order of `dof` and of the root's
// `order`, axes in that of `axis`, the first one first. Limits are read over: what was recorded is
// played. An AMC has no time: its frames are `frame_s` apart. Errors: see load_motion.h.
absl::StatusOr<RecordedMotion> ReadAcclaim(const std::string& asf_path, const std::string& amc_path,
                                           double frame_s);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_ACCLAIM_H_
