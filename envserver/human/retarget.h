// From the motion of a file's skeleton to that of the figure.
//
// With F the file's body axes at rest (ahead, left, up: of its hips and shoulders), d the figure's
// bone at rest and e the file's, both from a joint to the next one that the file has, the figure's
// joint is turned in the world by U R C: U brings the file's up axis to z, R is the file's rotation
// there, and C = (the least rotation of F d to e) F. So U R C d is along U R e: the bone points
// where the file's does, whatever the file's rest pose is.
#ifndef ARMATURE_ENVSERVER_HUMAN_RETARGET_H_
#define ARMATURE_ENVSERVER_HUMAN_RETARGET_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "envserver/human/human_motion.h"
#include "envserver/human/load_motion.h"
#include "envserver/human/recorded_motion.h"

namespace armature {

// Errors: see load_motion.h.
absl::StatusOr<std::shared_ptr<const HumanMotion>> Retarget(const RecordedMotion& motion,
                                                            const LoadOptions& options);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_RETARGET_H_
