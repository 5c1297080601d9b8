#ifndef ARMATURE_ACTOR_LINK_RUN_SETTINGS_H_
#define ARMATURE_ACTOR_LINK_RUN_SETTINGS_H_

#include <string>

#include "proto/learner_service.pb.h"

namespace armature {

// Compares the settings in two Join answers to the same actor: all members except who the learner
// is, what it has accepted, and the values of parameters (their names are settings). Returns the
// differing members with both values, on one line; empty if there are none.
std::string DescribeSettingsChange(const v1::JoinResponse& before, const v1::JoinResponse& after);

}  // namespace armature

#endif  // ARMATURE_ACTOR_LINK_RUN_SETTINGS_H_
