// A physics step without Bullet's pipeline, for trees of links on a fixed or a free base, with and
// without contacts. Bodies that touch each other form an island; each island is solved by itself
// (docs/decisions/0025-steps-without-contacts.md).
//
// Call order: (Share Step)*, after contacts have been found.
// Thread safety: none, like its world. Allocation: none, once there have been as many contacts
// before.
#ifndef ARMATURE_ENVSERVER_BULLET_OWN_STEP_H_
#define ARMATURE_ENVSERVER_BULLET_OWN_STEP_H_

#include <memory>
#include <vector>

#include "BulletCollision/BroadphaseCollision/btOverlappingPairCache.h"
#include "BulletCollision/CollisionDispatch/btCollisionDispatcher.h"
#include "BulletDynamics/ConstraintSolver/btContactSolverInfo.h"
#include "envserver/bullet/contact_rows.h"
#include "envserver/bullet/impulse_solver.h"

namespace armature {

class Body;

class OwnStep {
 public:
  using Bodies = std::vector<std::unique_ptr<Body>>;
  // All must outlive this; bodies may be added.
  OwnStep(const Bodies* bodies, btCollisionDispatcher* dispatcher,
          btHashedOverlappingPairCache* pairs)
      : bodies_(bodies), dispatcher_(dispatcher), pairs_(pairs) {}

  // Finds out which bodies step here in this step, from the contacts alone: those that nothing
  // touches and that can; the others if all in the world can. Returns whether it is other bodies
  // than in the step before.
  bool Share();
  bool steps(int body) const { return steps_[body]; }

  // Steps them.
  void Step(const btVector3& gravity, const btContactSolverInfo& info);

 private:
  // Disjoint sets of bodies; a set's name is its body with the lowest number.
  class Sets {
   public:
    void Reset(int size);
    int Find(int body) const;
    void Unite(int a, int b);

   private:
    std::vector<int> parent_;
  };
  struct Touch {
    btPersistentManifold* manifold;
    int group;  // By which Bullet sorts.
  };

  void FindIslands();
  void SolveIsland(int island, const btContactSolverInfo& info);
  // Null: it does not move.
  Body* MovingBody(const btCollisionObject* object) const;
  ContactRows::Side SideOf(const btCollisionObject* object) const;

  const Bodies* bodies_;
  btCollisionDispatcher* dispatcher_;
  btHashedOverlappingPairCache* pairs_;
  std::vector<char> steps_;    // By body.
  std::vector<char> touched_;  // By body.
  Sets islands_, near_;
  std::vector<int> numbers_;  // By body: its number in the solver.
  btAlignedObjectArray<Touch> touches_;
  ImpulseSolver solver_;
  ContactRows rows_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_OWN_STEP_H_
