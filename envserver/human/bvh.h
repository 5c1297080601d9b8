// BVH, Biovision's hierarchies: HIERARCHY, joints with OFFSET and CHANNELS; MOTION, frames.
#ifndef ARMATURE_ENVSERVER_HUMAN_BVH_H_
#define ARMATURE_ENVSERVER_HUMAN_BVH_H_

#include <string>

#include "absl/status/statusor.h"
#include "envserver/human/recorded_motion.h"

namespace armature {

// One root; channels in any order and number, position channels at any joint. An end site is a
// joint named after its parent, "LeftHand End". Errors: see load_motion.h.
absl::StatusOr<RecordedMotion> ReadBvh(const std::string& path);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_BVH_H_
