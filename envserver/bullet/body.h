// A body in a BulletWorld: a fixed or free base, and a tree of links connected by joints.
//
// DoFs are the moving joints, in the order of BodyModel::MovingLinks.
// Call order: created by BulletWorld::AddBody; lives as long as the world.
// Thread safety: none, like its world.
// Units: m, kg, rad (m for prismatic joints), s, N (N.m for revolute joints).
#ifndef ARMATURE_ENVSERVER_BULLET_BODY_H_
#define ARMATURE_ENVSERVER_BULLET_BODY_H_

#include <memory>
#include <vector>

#include "BulletDynamics/Featherstone/btMultiBody.h"
#include "BulletDynamics/Featherstone/btMultiBodyLinkCollider.h"
#include "envserver/bullet/body_model.h"
#include "envserver/bullet/joint_rows.h"
#include "envserver/bullet/joint_space_inertia.h"

namespace armature {

struct BodyOptions {
  btTransform base_pose = btTransform::getIdentity();  // Pose of the base's link frame.
  bool fixed_base = false;
  bool self_collision = false;
  bool motors = true;  // Whether joints have motors; if not, do not call SetMotor.
  double linear_damping = 0.04;
  double angular_damping = 0.04;
  double friction = 0.5;  // Of every link; two links in contact use the product.
};

// How one link interacts with others in contact.
struct ContactMaterial {
  double friction = 0.5;
  double spinning_friction = 0;
  double stiffness = 0;  // N/m; 0: rigid.
  double damping = 0;    // N.s/m; used with stiffness.
  bool friction_anchor = false;
};

// Position or velocity control of one joint. The motor drives the joint's velocity to
//   kp (position - q) / dt + v + kd (velocity - v)
// where v is the current velocity, with an impulse of at most force_max x dt.
struct MotorTarget {
  double position = 0;  // Clamped to the joint's limits.
  double velocity = 0;
  double kp = 0;
  double kd = 1;
  double force_max = 0;
};

// The state that determines a body's future, except for contacts.
struct BodyState {
  btTransform base_pose;  // Pose of the base's inertial frame.
  btVector3 base_linear_velocity;
  btVector3 base_angular_velocity;
  std::vector<double> joint_position;  // [dofs]
  std::vector<double> joint_velocity;  // [dofs]
  std::vector<MotorTarget> motor;      // [dofs]; empty: no motors.
};

class Body {
 public:
  Body(std::shared_ptr<const BodyModel> model, const BodyOptions& options, int body_id);
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  const BodyModel& model() const { return *model_; }
  int id() const { return body_id_; }
  int num_dofs() const { return static_cast<int>(dof_links_.size()); }

  double joint_position(int dof) const { return multibody_->getJointPos(dof_links_[dof]); }
  double joint_velocity(int dof) const { return multibody_->getJointVel(dof_links_[dof]); }

  // These set the state; poses are updated at once.
  void SetJoints(const std::vector<double>& position, const std::vector<double>& velocity);
  void SetState(const BodyState& state);
  void GetState(BodyState* state) const;

  // Stays in effect until changed. Before the first call the joint is free.
  void SetMotor(int dof, const MotorTarget& target);
  // Acts only during the next physics step.
  void AddJointForce(int dof, double force);
  void SetContactMaterial(int link, const ContactMaterial& material);

  // Pose of a link's frame (link -1: the base). Bullet computes poses at the beginning of a physics
  // step, so after stepping they are one physics step old, as upstream. SetState and UpdatePoses
  // make them current.
  btTransform link_pose(int link) const;
  void UpdatePoses();
  // Velocity of the link's centre of mass, rotated by the pose above.
  btVector3 LinkVelocity(int link);

  // The following members are for BulletWorld.
  btMultiBody* multibody() { return multibody_.get(); }
  struct Joint {
    std::unique_ptr<JointLimit> limit;      // Null: no limits.
    std::unique_ptr<JointMotor> motor;      // Null: no motors.
    std::unique_ptr<JointDamping> damping;  // Null: none.
    // Brakes the joint to a standstill if it can; null: none.
    std::unique_ptr<JointMotor> friction;
  };
  const std::vector<Joint>& joints() const { return joints_; }
  // One for every link with a shape.
  const std::vector<std::unique_ptr<btMultiBodyLinkCollider>>& colliders() const {
    return colliders_;
  }
  void set_time_step(double time_step_s);
  void ForgetImpulses();
  // Call it before every physics step.
  void BeginStep() {
    if (inertia_ != nullptr) inertia_->Invalidate();
  }

 private:
  void SetUpLink(int index);
  void AddCollider(int link, btCollisionShape* shape, const BodyOptions& options);
  void AddJoints(const BodyOptions& options);
  const LinkModel& link_model(int link) const {
    return link < 0 ? model_->base : model_->links[link];
  }

  std::shared_ptr<const BodyModel> model_;
  int body_id_;
  double time_step_s_ = 0;
  std::vector<int> dof_links_;
  std::unique_ptr<btCollisionShape> empty_shape_;  // Null if some moving link has a shape.
  std::vector<std::unique_ptr<btMultiBodyLinkCollider>> colliders_;
  std::unique_ptr<btMultiBody> multibody_;
  std::unique_ptr<JointSpaceInertia> inertia_;  // Null if the base is free.
  std::vector<Joint> joints_;                   // [dofs]
  std::vector<MotorTarget> targets_;            // [dofs]; empty: no motors.
  btAlignedObjectArray<btQuaternion> scratch_rotation_;
  btAlignedObjectArray<btVector3> scratch_vector_;
  btAlignedObjectArray<btVector3> scratch_omega_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BODY_H_
