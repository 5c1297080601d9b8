// Which process of which actor.
#ifndef ARMATURE_LEARNER_ACTOR_KEY_H_
#define ARMATURE_LEARNER_ACTOR_KEY_H_

#include <cstdint>
#include <string>
#include <utility>

namespace armature {

// (peer_name, incarnation) of a handshake.
using ActorKey = std::pair<std::string, uint64_t>;

}  // namespace armature

#endif  // ARMATURE_LEARNER_ACTOR_KEY_H_
