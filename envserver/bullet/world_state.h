// The state of a world: of its bodies, without the contacts between them.
//
// Thread safety: plain values.
#ifndef ARMATURE_ENVSERVER_BULLET_WORLD_STATE_H_
#define ARMATURE_ENVSERVER_BULLET_WORLD_STATE_H_

#include <vector>

#include "LinearMath/btVector3.h"
#include "envserver/bullet/body_state.h"

namespace armature {

struct WorldState {
  std::vector<BodyState> bodies;  // By body id.
  btVector3 gravity = btVector3(0, 0, 0);

  BodyState& operator[](int body_id) { return bodies[body_id]; }
  const BodyState& operator[](int body_id) const { return bodies[body_id]; }
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_WORLD_STATE_H_
