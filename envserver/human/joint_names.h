// Which joint of a motion file is which of the figure.
#ifndef ARMATURE_ENVSERVER_HUMAN_JOINT_NAMES_H_
#define ARMATURE_ENVSERVER_HUMAN_JOINT_NAMES_H_

#include <array>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "envserver/human/human_figure.h"
#include "envserver/human/recorded_motion.h"

namespace armature {

// The file's joint for each of the figure's; -1: it has none, and the figure's follows its parent.
// `chosen` are names by the figure's, as LoadOptions has them. What is before the last ':' of a
// name, capitals, and signs between letters do not matter. InvalidArgument: `chosen` has a name
// that the figure or the file lacks; a joint without which the figure cannot be moved was not
// found: the message lists these, and the names of the file.
absl::StatusOr<std::array<int, kHumanJoints>> FindJoints(
    const RecordedMotion& motion, const std::map<std::string, std::string>& chosen);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_JOINT_NAMES_H_
