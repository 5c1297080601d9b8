// A world of rigid and articulated bodies on Bullet's btMultiBodyDynamicsWorld: double precision, a
// fixed time step, and the settings of Bullet's Python bindings.
//
// Determinism: a world that takes a state of SaveState goes on as the world that was saved: the
// same calls give the same bits, contacts and their forces included, whatever happened before and
// in whichever process (docs/decisions/0020-exact-state.md).
// Call order: Add* (Step | SaveState | RestoreState ...)*; bodies are added before the first step.
// Errors: WorldError for what a caller gets wrong.
// Thread safety: none; different threads may use different worlds, and a world any thread.
// Ownership: owns its bodies; pointers to them are valid as long as the world lives.
// Allocation: none in Step, contacts and Distance, once there have been as many contacts before.
// Units: m, kg, s, N; z is up.
#ifndef ARMATURE_ENVSERVER_BULLET_BULLET_WORLD_H_
#define ARMATURE_ENVSERVER_BULLET_BULLET_WORLD_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "BulletCollision/BroadphaseCollision/btOverlappingPairCache.h"
#include "BulletCollision/CollisionDispatch/btCollisionDispatcher.h"
#include "BulletCollision/CollisionDispatch/btDefaultCollisionConfiguration.h"
#include "BulletDynamics/Featherstone/btMultiBodyDynamicsWorld.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/body_model.h"
#include "envserver/bullet/broadphase.h"
#include "envserver/bullet/contact.h"
#include "envserver/bullet/own_step.h"
#include "envserver/bullet/row_solver.h"
#include "envserver/bullet/world_error.h"
#include "envserver/bullet/world_state.h"

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

// Heights of a grid of points whose centre is the body's origin; between them, triangles.
struct HeightField {
  int rows = 0;     // Along y; at least 2.
  int columns = 0;  // Along x; at least 2.
  double cell_x_m = 0.1;
  double cell_y_m = 0.1;
  std::shared_ptr<const std::vector<float>> heights;  // [rows, columns], m, above the origin.
};

// Where two links are nearest to each other.
struct ClosestPoints {
  bool found = false;   // False: farther apart than was asked for.
  double distance = 0;  // m; negative: penetration.
  btVector3 point_on_a;
  btVector3 point_on_b;
  btVector3 normal_on_b;  // Towards a.
};

class BulletWorld {
 public:
  explicit BulletWorld(const WorldOptions& options);
  ~BulletWorld();
  BulletWorld(const BulletWorld&) = delete;
  BulletWorld& operator=(const BulletWorld&) = delete;

  Body* AddBody(std::shared_ptr<const BodyModel> model, const BodyOptions& options);
  // Primitives; a mass of 0, or fixed_base, makes a static. Lengths are along z; a capsule's leaves
  // out its half spheres.
  Body* AddBox(const btVector3& size, double mass, const BodyOptions& options);
  Body* AddSphere(double radius, double mass, const BodyOptions& options);
  Body* AddCylinder(double radius, double length, double mass, const BodyOptions& options);
  Body* AddCapsule(double radius, double length, double mass, const BodyOptions& options);
  // Statics. All that is below the plane z = 0 of the body's frame is solid.
  Body* AddPlane(const BodyOptions& options);
  Body* AddHeightField(const HeightField& field, const BodyOptions& options);
  // A box that never moves.
  Body* AddStaticBox(const btVector3& half_extents, const btVector3& position, double friction);

  int num_bodies() const { return static_cast<int>(bodies_.size()); }
  Body& body(int id) { return *bodies_[id]; }
  const Body& body(int id) const { return *bodies_[id]; }
  // Throws WorldError, which lists the names there are.
  Body* FindBody(absl::string_view name);

  // Advances by one time step.
  void Step();

  void SetGravity(const btVector3& gravity);
  btVector3 gravity() const { return world_.getGravity(); }

  // The contacts of the last step whose distance is at most zero; valid until the next step.
  absl::Span<const ContactPoint> contacts() const;
  // Those of one link, or of all links, of a body.
  ContactView Contacts(const Body& body, int link = kAllLinks) const {
    return ContactView(contacts(), body.id(), link, kAnyBody, kAllLinks);
  }
  // Those between two bodies.
  ContactView Contacts(const Body& a, int link_a, const Body& b, int link_b = kAllLinks) const {
    return ContactView(contacts(), a.id(), link_a, b.id(), link_b);
  }
  // Gets a copy of contacts().
  void GetContacts(std::vector<ContactPoint>* contacts) const;

  // Where `link_a` of `a` and `link_b` of `b` (or kAllLinks) are nearest, if within `distance_max`.
  // Uses the present poses; changes nothing.
  ClosestPoints Distance(const Body& a, int link_a, const Body& b, int link_b,
                         double distance_max) const;

  // Changes nothing.
  void SaveState(WorldState* state) const;
  // `state` must come from this world or one built by the same calls. Positions, velocities and
  // motors may have been edited; contacts are best cleared then. Without contacts in it, it is as
  // fast as a reset must be.
  void RestoreState(const WorldState& state);

  // Appends the state as bytes, for another process too.
  void SaveState(std::string* bytes) const;
  // Returns InvalidArgument, and changes nothing, if the bytes are damaged or come from a world of
  // other bodies, options or Bullet.
  absl::Status RestoreState(absl::string_view bytes);

  const WorldOptions& options() const { return options_; }
  // Counts changes of colours and sizes.
  int64_t looks_version() const { return looks_version_; }

  // The following members are for Body.
  void DropContacts(const Body& body);
  void LooksChanged() { ++looks_version_; }

 private:
  // Keeps pairs that can never touch out of the pair cache: two that do not move by forces, two
  // whose groups and masks do not meet, or two links of a body without self-collision.
  // Bullet's world without predicted poses, which only continuous collision detection needs, and
  // with kinematic bodies that move by the velocities they were given.
  // Contacts are found before its step.
  struct World : btMultiBodyDynamicsWorld {
    using btMultiBodyDynamicsWorld::btMultiBodyDynamicsWorld;
    void predictUnconstraintMotion(btScalar) override {}
    void saveKinematicState(btScalar) override {}
    void performDiscreteCollisionDetection() override {}
    void FindContacts(double time_step_s);
    // Forgets which bodies it steps.
    void RemoveAll();
  };

  Body* AddPrimitive(SceneShape::Kind kind, const std::array<double, 3>& size, double mass,
                     const BodyOptions& options);
  // Returns false if the contacts do not fit the shapes.
  bool TryRestore(const WorldState& state);
  std::string FreeName(const BodyModel& model, const BodyOptions& options) const;
  // Finds out which bodies step without Bullet in this step, and hands it the others.
  void ShareOut();
  // Hands a body to Bullet.
  void AddToBullet(Body& body);

  WorldOptions options_;
  btDefaultCollisionConfiguration collision_configuration_;
  mutable btCollisionDispatcher dispatcher_;
  PairFilter pair_filter_;
  mutable btHashedOverlappingPairCache pair_cache_;
  Broadphase broadphase_;
  RowSolver solver_;
  std::vector<std::unique_ptr<Body>> bodies_;
  mutable World world_;
  OwnStep own_step_;
  mutable std::vector<ContactPoint> contacts_;
  mutable bool contacts_are_valid_ = false;
  int64_t looks_version_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BULLET_WORLD_H_
