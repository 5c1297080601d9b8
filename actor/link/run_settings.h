#ifndef ARMATURE_ACTOR_LINK_RUN_SETTINGS_H_
#define ARMATURE_ACTOR_LINK_RUN_SETTINGS_H_

#include <string>

#include "proto/learner_service.pb.h"

namespace armature {

// In what the answers to two Joins of one actor tell it to do different things: every
// member but who the learner is and what it has admitted. Names the members with both
// values, on one line; empty: in nothing.
std::string DescribeSettingsChange(const v1::JoinResponse& before, const v1::JoinResponse& after);

}  // namespace armature

#endif  // ARMATURE_ACTOR_LINK_RUN_SETTINGS_H_
