// A body in a BulletWorld: a base, fixed or free, and a tree of links on joints.
//
// DoFs are the joints that move, in the order of BodyModel::MovingLinks.
// Call order: made by BulletWorld::AddBody, lives as long as the world.
// Thread safety: that of its world (none).
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
  btTransform base_pose = btTransform::getIdentity();  // Of the base's link frame.
  bool fixed_base = false;
  bool self_collision = false;
  bool motors = true;  // Whether joints have motors; without, SetMotor is not called.
  double linear_damping = 0.04;
  double angular_damping = 0.04;
  double friction = 0.5;  // Of every link; a pair's friction is the product.
};

// How one link touches others.
struct ContactMaterial {
  double friction = 0.5;
  double spinning_friction = 0;
  double stiffness = 0;  // N/m; 0: rigid.
  double damping = 0;    // N.s/m, with stiffness.
  bool friction_anchor = false;
};

// Position or velocity control of one joint. The joint's velocity is driven to
//   kp (position - q) / dt + v + kd (velocity - v)
// where v is its present velocity, with at most force_max x dt of impulse.
struct MotorTarget {
  double position = 0;  // Clamped to the joint's limits.
  double velocity = 0;
  double kp = 0;
  double kd = 1;
  double force_max = 0;
};

// All that a body's future depends on, but for contacts.
struct BodyState {
  btTransform base_pose;  // Of the base's inertial frame.
  btVector3 base_linear_velocity;
  btVector3 base_angular_velocity;
  std::vector<double> joint_position;  // [dofs]
  std::vector<double> joint_velocity;  // [dofs]
  std::vector<MotorTarget> motor;      // [dofs], or empty: no motors.
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

  // Sets the state. Poses are those of the new state at once.
  void SetJoints(const std::vector<double>& position, const std::vector<double>& velocity);
  void SetState(const BodyState& state);
  void GetState(BodyState* state) const;

  // Holds until changed. Without a call the joint is free.
  void SetMotor(int dof, const MotorTarget& target);
  // Acts during the next physics step only.
  void AddJointForce(int dof, double force);
  void SetContactMaterial(int link, const ContactMaterial& material);

  // The pose of a link's frame (link -1: the base). Bullet computes poses at the
  // beginning of a physics step, so after stepping they are those of one physics
  // step ago, as upstream's are; SetState and UpdatePoses make them current.
  btTransform link_pose(int link) const;
  void UpdatePoses();
  // The velocity of the link's centre of mass, turned by the pose above.
  btVector3 LinkVelocity(int link);

  // The rest is for BulletWorld.
  btMultiBody* multibody() { return multibody_.get(); }
  struct Joint {
    std::unique_ptr<JointLimit> limit;      // Null: no limits.
    std::unique_ptr<JointMotor> motor;      // Null: no motors.
    std::unique_ptr<JointDamping> damping;  // Null: none.
    std::unique_ptr<JointMotor> friction;   // Stands still if it can; null: none.
  };
  const std::vector<Joint>& joints() const { return joints_; }
  // Of every link with a shape.
  const std::vector<std::unique_ptr<btMultiBodyLinkCollider>>& colliders() const {
    return colliders_;
  }
  void set_time_step(double time_step_s);
  void ForgetImpulses();
  // To be called before every physics step.
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
  std::unique_ptr<btCollisionShape> empty_shape_;  // Null: some moving link has a shape.
  std::vector<std::unique_ptr<btMultiBodyLinkCollider>> colliders_;
  std::unique_ptr<btMultiBody> multibody_;
  std::unique_ptr<JointSpaceInertia> inertia_;  // Null: the base is free.
  std::vector<Joint> joints_;                   // [dofs]
  std::vector<MotorTarget> targets_;            // [dofs], or empty: no motors.
  btAlignedObjectArray<btQuaternion> scratch_rotation_;
  btAlignedObjectArray<btVector3> scratch_vector_;
  btAlignedObjectArray<btVector3> scratch_omega_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BODY_H_
