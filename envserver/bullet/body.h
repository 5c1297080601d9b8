// A body in a BulletWorld: a base and a tree of links connected by joints. The base is free, fixed
// (a static, the foot of an arm) or kinematic (it moves as it is told and pushes others).
//
// DoFs are the moving joints, in the order of BodyModel::MovingLinks.
// Velocities of the whole body, `num_velocities` of them: for a free base its linear velocity (3)
// and its angular velocity (3) first, then the joints'. Forces have the same order.
// Link indices: kBase, or as in BodyModel::links. Poses and points are in the world's frame. A
// link's pose and velocity are those of its frame's origin, as in the URDF, and not of its centre
// of mass.
// Call order: created by BulletWorld::Add...; lives as long as the world.
// Errors: WorldError for a name or index that there is not, and for values that cannot be.
// Thread safety: none, like its world.
// Units: m, kg, rad (m for prismatic joints), s, N (N.m for revolute joints).
#ifndef ARMATURE_ENVSERVER_BULLET_BODY_H_
#define ARMATURE_ENVSERVER_BULLET_BODY_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "BulletDynamics/Dynamics/btRigidBody.h"
#include "BulletDynamics/Featherstone/btMultiBody.h"
#include "BulletDynamics/Featherstone/btMultiBodyLinkCollider.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "common/scene/scene.h"
#include "envserver/bullet/body_dynamics.h"
#include "envserver/bullet/body_model.h"
#include "envserver/bullet/body_state.h"
#include "envserver/bullet/joint_rows.h"
#include "envserver/bullet/world_error.h"

namespace armature {

class BulletWorld;
class ImpulseSolver;
class TreeDynamics;

struct BodyOptions {
  std::string name;  // Unique in the world. Empty: the model's name, with a number if it is taken.
  btTransform base_pose = btTransform::getIdentity();  // Of the base's link frame.
  bool fixed_base = false;
  bool kinematic = false;  // One link, no joints: see Body::MoveTo.
  bool self_collision = false;
  bool motors = true;  // Whether joints have motors; if not, do not call SetMotor.
  // Whether motors and AddJointForce are held to the model's effort_max.
  bool effort_limits = true;
  // Whether joints that mimic others are held to them; if not, they move on their own.
  bool mimic_joints = true;
  // Whether Bullet steps it, with nothing of ours in its dynamics. For comparison: the results
  // agree.
  bool always_bullet = false;
  double linear_damping = 0.04;
  double angular_damping = 0.04;
  double friction = 0.5;  // Of every link whose model says nothing.
  // Two bodies collide if each one's group is in the other's mask.
  int collision_group = 1;
  int collision_mask = -1;
  absl::optional<Colour> colour;  // Of all its shapes; absent: the model's.
};

class Body {
 public:
  // For BulletWorld. Statics of one link and kinematic bodies are plain collision objects, which
  // Bullet steps faster; all others are multibodies.
  Body(std::shared_ptr<const BodyModel> model, const BodyOptions& options, int body_id);
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  const BodyModel& model() const { return *model_; }
  const std::string& name() const { return name_; }
  int id() const { return body_id_; }
  bool is_kinematic() const { return rigid_ != nullptr; }
  bool has_motors() const { return !targets_.empty(); }
  bool has_fixed_base() const { return fixed_base_; }
  int num_links() const { return static_cast<int>(model_->links.size()); }  // Without the base.
  int num_dofs() const { return static_cast<int>(dof_links_.size()); }
  int num_velocities() const { return num_dofs() + (fixed_base_ || is_kinematic() ? 0 : 6); }

  // Returns the index of a link, the DoF of a moving joint. Throws WorldError, which lists the
  // names there are.
  int Link(absl::string_view name) const;
  int Joint(absl::string_view joint_name) const;
  // The link that a DoF moves.
  int dof_link(int dof) const { return dof_links_[dof]; }
  const LinkModel& link_model(int link) const {
    return link < 0 ? model_->base : model_->links[link];
  }

  // --- Joints ---
  double joint_position(int dof) const { return multibody_->getJointPos(dof_links_[dof]); }
  double joint_velocity(int dof) const { return multibody_->getJointVel(dof_links_[dof]); }
  // [dofs]; valid until the next call of the same function.
  absl::Span<const double> joint_positions() const;
  absl::Span<const double> joint_velocities() const;
  void SetJointPosition(int dof, double position);
  void SetJointVelocity(int dof, double velocity);
  void SetJoints(absl::Span<const double> position, absl::Span<const double> velocity);

  // Stays in effect until changed. Before the first call the joint is free.
  void SetMotor(int dof, const MotorTarget& target);
  const MotorTarget& motor(int dof) const { return targets_[dof]; }
  // Returns the motor's force in the last step.
  double MotorForce(int dof) const;
  // Acts only during the next physics step. With effort limits, the sum of what has been added is
  // held to the joint's effort_max.
  void AddJointForce(int dof, double force);

  // --- Base ---
  void SetBasePose(const btTransform& pose);  // Keeps the velocity.
  void SetBaseVelocity(const btVector3& linear, const btVector3& angular);
  // Kinematic bodies: moves to `pose` at constant velocity during the next physics step, and then
  // rests there unless told again. Without it they move by their velocity.
  void MoveTo(const btTransform& pose);

  // --- Links, now ---
  btTransform LinkPose(int link) const;
  btVector3 LinkVelocity(int link) const;
  btVector3 LinkAngularVelocity(int link) const;
  btVector3 CentreOfMass(int link) const;
  // Velocity of a point that moves with the link.
  btVector3 PointVelocity(int link, const btVector3& point) const;

  // As Bullet's Python bindings show them: the pose at the beginning of the last physics step, and
  // the velocity of the centre of mass, rotated as the link has turned since. SetState, SetJoints
  // and SetBasePose make them current.
  btTransform LaggedLinkPose(int link) const;
  btVector3 LaggedLinkVelocity(int link) const;

  // --- Forces, in the world's frame ---
  // Act only during the next physics step.
  void AddForce(int link, const btVector3& force, const btVector3& point);
  void AddForce(int link, const btVector3& force) { AddForce(link, force, CentreOfMass(link)); }
  void AddTorque(int link, const btVector3& torque);
  // Act in every step until changed, at the centre of mass. Zero ends it.
  void HoldForce(int link, const btVector3& force, const btVector3& torque);

  // --- Dynamics; arrays are row by row ---
  // Velocity (3) and angular velocity (3) of the link's point `point` = jacobian x velocities.
  // [6, num_velocities]
  void Jacobian(int link, const btVector3& point, absl::Span<double> jacobian) const;
  void MassMatrix(absl::Span<double> matrix) const;  // [num_velocities, num_velocities]
  // Forces that give the accelerations `acceleration` at the present velocities and under gravity;
  // contacts, limits, motors, damping and friction are left out.  [num_velocities] each.
  void InverseDynamics(absl::Span<const double> acceleration, absl::Span<double> force) const;
  // Forces that hold the body where it is.  [num_velocities]
  void GravityForces(absl::Span<double> force) const;

  // --- What an episode can change; a state keeps it ---
  double mass(int link) const;
  // Scales the inertia with it. A link without mass has no inertia to scale: WorldError.
  void SetMass(int link, double mass);
  double TotalMass() const;
  const ContactMaterial& contact_material(int link) const;
  void SetContactMaterial(int link, const ContactMaterial& material);  // Or kAllLinks.
  void SetFriction(int link, double friction);                         // Or kAllLinks.
  // Colour of the link's shapes; absent: the model's.
  const absl::optional<Colour>& colour(int link) const;
  void SetColour(int link, const Colour& colour);  // Or kAllLinks.
  // Sizes of a body that is one box, sphere, cylinder or capsule, as in SceneShape::size. Setting
  // them keeps the mass and drops the body's contacts.
  bool has_size() const { return has_size_; }
  const std::array<double, 3>& size() const { return properties_.size; }
  void SetSize(const std::array<double, 3>& size);
  void SetCollisionFilter(int group, int mask);  // Drops the body's contacts.

  // --- State without contacts: see BulletWorld::SaveState ---
  void SetState(const BodyState& state);
  void GetState(BodyState* state) const;

  // Makes lagged poses current.
  void UpdatePoses();

  // The following members are for BulletWorld.
  btMultiBody* multibody() { return multibody_.get(); }  // Null: a plain collision object.
  const btMultiBody* multibody() const { return multibody_.get(); }
  btCollisionObject* plain_object() { return plain_object_; }  // Null: a multibody.
  struct JointParts {
    std::unique_ptr<JointLimit> limit;      // Null: no limits.
    std::unique_ptr<JointMotor> motor;      // Null: no motors.
    std::unique_ptr<JointDamping> damping;  // Null: none.
    // Brakes the joint to a standstill if it can; null: none.
    std::unique_ptr<JointMotor> friction;
    std::unique_ptr<JointCoupling> coupling;  // Follows another joint; null: none.
  };
  const std::vector<JointParts>& joints() const { return joints_; }
  // Every collision object, in order: one for every link with a shape.
  absl::Span<btCollisionObject* const> objects() const { return objects_; }
  const BodyProperties& properties() const { return properties_; }
  void set_world(BulletWorld* world);
  void ForgetImpulses();
  // Called before and after every physics step.
  void BeginStep();
  void EndStep();

  // --- A physics step without Bullet (docs/decisions/0025-steps-without-contacts.md) ---
  // Whether it has one: no joint follows another, and something of it can move.
  // Then a step is BeginOwnStep for each body of a group, rows from what is in between, EndOwnStep.
  bool has_own_step() const {
    return has_own_step_ && (!fixed_base_ || (multibody_->getBaseVel().isZero() &&
                                              multibody_->getBaseOmega().isZero()));
  }
  // Gravity, forces and damping change the velocities.
  void BeginOwnStep(const btVector3& gravity);
  // For rows of contacts.
  const TreeDynamics& tree() const { return *tree_; }
  int num_joint_rows_max() const { return static_cast<int>(row_order_.size()) + num_dofs(); }
  // `number`: of this body in the solver.
  void AddJointRows(const btContactSolverInfo& info, int number, ImpulseSolver* solver);
  // Takes the solved impulses and moves.
  void EndOwnStep(int number, const ImpulseSolver& solver);
  // Called before Bullet steps it: brings what Bullet keeps of positions in line with them, which
  // own steps do not.
  void BeginBulletStep();
  // Brings colliders to the joints' positions. The same positions give the same bits, however the
  // body came there.
  void PlaceColliders();

 private:
  void MakeMultibody(const BodyOptions& options);
  void MakePlainObject(const BodyOptions& options);
  void SetUpLink(int index);
  void AddCollider(int link, btCollisionShape* shape, bool is_static);
  void AddJoints(const BodyOptions& options);
  void InitProperties(const BodyOptions& options);
  void CheckLink(int link) const;
  // Calls visit(link) for the link, or for all of them.
  template <typename Visit>
  void ForLinks(int link, Visit visit);
  // Bring Bullet's objects in line with properties_.
  void ApplyMaterial(int link);
  void ApplyMass(int link);
  void ApplySize();
  void ApplyProperties(const BodyProperties& properties);
  void SetPlainPose(const btVector3& position, const btQuaternion& rotation);
  void SetPlainVelocity(const btVector3& linear, const btVector3& angular);
  void GetAddedForces(BodyState* state) const;
  // Sets up the own step, if the body is one for it.
  void PrepareOwnStep();
  // Adds scale x change_ to the velocities.
  void AddClamped(double scale);
  void MoveBase();
  void ClearForces();
  // The base's inertial frame, without the work for all links.
  btTransform BaseCentre() const;
  // Bring what Bullet keeps of positions and of lagged poses in line with ours.
  void RefreshCaches() const;
  void RefreshLaggedPoses() const;
  BodyDynamics& dynamics() const {
    RefreshCaches();
    return *dynamics_;
  }

  std::shared_ptr<const BodyModel> model_;
  std::string name_;
  int body_id_;
  bool fixed_base_;
  bool effort_limits_;
  bool has_size_ = false;
  BulletWorld* world_ = nullptr;
  double time_step_s_ = 0;
  std::vector<int> dof_links_;
  std::shared_ptr<btCollisionShape> own_shape_;    // After SetSize.
  std::unique_ptr<btCollisionShape> empty_shape_;  // Null if some moving link has a shape.
  std::vector<std::unique_ptr<btMultiBodyLinkCollider>> colliders_;
  std::vector<btCollisionObject*> objects_;
  std::unique_ptr<btMultiBody> multibody_;
  std::unique_ptr<btCollisionObject> static_;
  std::unique_ptr<btRigidBody> rigid_;  // Kinematic.
  btCollisionObject* plain_object_ = nullptr;
  btQuaternion plain_rotation_ = btQuaternion::getIdentity();  // What its pose is made from.
  absl::optional<btTransform> move_target_;  // Kinematic; where the next step ends.
  std::unique_ptr<TreeDynamics> tree_;       // Null: a plain collision object.
  bool has_own_step_ = false;
  std::vector<JointRow*> row_order_;  // In which the own step solves.
  std::vector<double> change_;        // Of the velocities.  [tree_->num_velocities()]
  bool is_pushed_ = false;            // Whether forces on links may have been added.
  mutable bool caches_are_stale_ = false;
  mutable bool lagged_poses_are_stale_ = false;
  mutable std::unique_ptr<BodyDynamics> dynamics_;  // See dynamics().
  std::vector<JointParts> joints_;                  // [dofs]
  std::vector<MotorTarget> targets_;                // [dofs]; empty: no motors.
  std::vector<HeldForce> held_;                     // [1 + links], the base first; empty: none.
  BodyProperties properties_;
  mutable std::shared_ptr<const BodyProperties> saved_properties_;  // Null: changed since.
  mutable std::vector<double> positions_;                           // [dofs]
  mutable std::vector<double> velocities_;                          // [dofs]
  mutable btAlignedObjectArray<btQuaternion> scratch_rotation_;
  mutable btAlignedObjectArray<btVector3> scratch_vector_;
  mutable btAlignedObjectArray<btVector3> scratch_omega_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BODY_H_
