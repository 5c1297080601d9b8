// Restitution of bodies that Bullet sees coming.
//
// Thread safety: free functions.
#ifndef ARMATURE_ENVSERVER_BULLET_BOUNCE_H_
#define ARMATURE_ENVSERVER_BULLET_BOUNCE_H_

#include "BulletDynamics/ConstraintSolver/btContactSolverInfo.h"

namespace armature {

// `asked`: the change of velocity along the normal that Bullet asks of a contact whose points are
// `distance` apart: bounce - velocity - distance / step. It lets bodies go on until they would
// just touch, and takes that way off the bounce too, so that little is left of it. Returns what
// gives all of it: the bounce in the step in which they would touch, and none before.
inline double BounceInFull(double asked, double distance, double restitution,
                           const btContactSolverInfo& info) {
  if (restitution <= 0 || distance <= 0) return asked;
  const double way = distance / info.m_timeStep;
  // The bounce is restitution x the speed of approach: what is too slow, or parts, has none.
  const double speed = (asked + way) / (1 + restitution);
  if (speed < info.m_restitutionVelocityThreshold) return asked;
  return speed < way ? speed - way : asked + way;
}

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BOUNCE_H_
