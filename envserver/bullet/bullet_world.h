// A world of rigid and articulated bodies on Bullet's btMultiBodyDynamicsWorld: double precision, a
// fixed time step, and the settings of Bullet's Python bindings.
//
// Determinism: two RestoreState calls with the same state, followed by the same calls, give
// bit-identical results, whatever happened before. The state is positions, velocities and motor
// targets. Contacts and their warm-start impulses are dropped, so a restored run may differ from
// the run that was saved.
// Call order: (AddBody | AddStatic)* (Step | SaveState | RestoreState ...)*
// Thread safety: none; different threads may use different worlds.
// Ownership: owns its bodies; pointers to them are valid as long as the world lives.
// Units: m, kg, s, N; z is up.
#ifndef ARMATURE_ENVSERVER_BULLET_BULLET_WORLD_H_
#define ARMATURE_ENVSERVER_BULLET_BULLET_WORLD_H_

#include <memory>
#include <vector>

#include "BulletCollision/BroadphaseCollision/btOverlappingPairCache.h"
#include "BulletCollision/BroadphaseCollision/btSimpleBroadphase.h"
#include "BulletCollision/CollisionDispatch/btCollisionDispatcher.h"
#include "BulletCollision/CollisionDispatch/btDefaultCollisionConfiguration.h"
#include "BulletDynamics/Featherstone/btMultiBodyDynamicsWorld.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/body_model.h"
#include "envserver/bullet/joint_rows.h"

namespace armature {

struct WorldOptions {
  double time_step_s = 1.0 / 240;
  double gravity = 9.81;
  int solver_iterations = 50;
  double contact_erp = 0.08;
  double friction_erp = 0.2;
  double linear_slop_m = 1e-5;
  double warm_start_factor = 0.1;
  double residual_threshold = 1e-7;
};

// A point where two bodies touch. Ids are Body::id, or -1 for statics.
struct ContactPoint {
  int body_a = -1;
  int link_a = -1;
  int body_b = -1;
  int link_b = -1;
  btVector3 position_on_b;
  btVector3 normal_on_b;    // Towards a.
  double distance = 0;      // Negative: penetration.
  double normal_force = 0;  // In the last step.
};

using WorldState = std::vector<BodyState>;  // By body id.

class BulletWorld {
 public:
  explicit BulletWorld(const WorldOptions& options);
  ~BulletWorld();
  BulletWorld(const BulletWorld&) = delete;
  BulletWorld& operator=(const BulletWorld&) = delete;

  Body* AddBody(std::shared_ptr<const BodyModel> model, const BodyOptions& options);
  // A box that never moves.
  void AddStaticBox(const btVector3& half_extents, const btVector3& position, double friction);

  // Advances by one time step.
  void Step();

  // Gets the contacts of the last step whose distance is at most zero. Reuses `contacts`.
  void GetContacts(std::vector<ContactPoint>* contacts) const;

  void SaveState(WorldState* state) const;
  // `state` must come from this world or one built by the same calls.
  void RestoreState(const WorldState& state);

  const WorldOptions& options() const { return options_; }

 private:
  // Keeps pairs that can never touch out of the pair cache: two statics, or two links of a body
  // without self-collision.
  struct PairFilter : btOverlapFilterCallback {
    bool needBroadphaseCollision(btBroadphaseProxy* a, btBroadphaseProxy* b) const override;
  };

  // Bullet's world without predicted poses, which only continuous collision detection needs.
  struct World : btMultiBodyDynamicsWorld {
    using btMultiBodyDynamicsWorld::btMultiBodyDynamicsWorld;
    void predictUnconstraintMotion(btScalar) override {}
  };

  WorldOptions options_;
  btDefaultCollisionConfiguration collision_configuration_;
  btCollisionDispatcher dispatcher_;
  PairFilter pair_filter_;
  btHashedOverlappingPairCache pair_cache_;
  btSimpleBroadphase broadphase_;
  JointRowSolver solver_;
  std::vector<std::unique_ptr<btCollisionShape>> static_shapes_;
  std::vector<std::unique_ptr<btCollisionObject>> statics_;
  std::vector<std::unique_ptr<Body>> bodies_;
  World world_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BULLET_WORLD_H_
