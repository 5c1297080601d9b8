// Identifies one process of one actor.
#ifndef ARMATURE_LEARNER_INTAKE_ACTOR_KEY_H_
#define ARMATURE_LEARNER_INTAKE_ACTOR_KEY_H_

#include <cstdint>
#include <string>
#include <utility>

#include "proto/handshake.pb.h"

namespace armature {

// (peer_name, incarnation) of a handshake.
using ActorKey = std::pair<std::string, uint64_t>;

inline ActorKey KeyOf(const v1::Handshake& handshake) {
  return {handshake.peer_name(), handshake.incarnation()};
}

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_ACTOR_KEY_H_
