#include "envserver/tasks/anymal/anymal_robot.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "envserver/actuators/network_actuator.h"
#include "envserver/actuators/pd_actuator.h"
#include "envserver/kit/task.h"

namespace armature {
namespace {

constexpr const char* kLegNames[] = {"LF", "RF", "LH", "RH"};
constexpr const char* kJointNames[] = {"_HAA", "_HFE", "_KFE"};
constexpr int kJointsPerLeg = 3;
constexpr AnymalPart kMovedParts[kJointsPerLeg] = {AnymalPart::kHip, AnymalPart::kThigh,
                                                   AnymalPart::kShank};
constexpr double kFriction = 0.8;  // Of every link; the ground's is 1.

struct Version {
  const char* model;
  const char* urdf;
  double nominal_height;  // m
};
constexpr Version kB = {"anymal_b_simple_description", "/robots/anymal.urdf", 0.5};
constexpr Version kC = {"anymal_c_simple_description", "/urdf/anymal.urdf", 0.55};
constexpr char kModels[] = "example_robot_data/cmeel.prefix/share/example-robot-data/robots/";
constexpr char kNetworkFolder[] = "armature/envserver/actuators";
constexpr char kNetwork[] = "/anymal_sea.safetensors";

// The value, or its error as an exception.
template <typename T>
T ValueOrThrow(absl::StatusOr<T> value) {
  if (!value.ok()) throw TaskError(std::string(value.status().message()));
  return *std::move(value);
}

// `torque_max`: of the URDF, by joint.
std::unique_ptr<Actuator> MakeActuator(const AnymalKeys& keys, std::vector<double> torque_max,
                                       TaskBuilder* task) {
  if (keys.actuator == "pd") {
    if (!keys.actuator_network.empty()) {
      throw TaskError(absl::StrCat("actuator_network is ", keys.actuator_network,
                                   ", but actuator is pd; expected actuator=network"));
    }
    return std::make_unique<PdActuator>(PdGains{keys.proportional_gain, keys.derivative_gain},
                                        std::move(torque_max));
  }
  const std::string file = keys.actuator_network.empty()
                               ? task->FindModel("actuators", kNetworkFolder) + kNetwork
                               : keys.actuator_network;
  return ValueOrThrow(NetworkActuator::Create(ValueOrThrow(ActuatorNetwork::LoadOnce(file)),
                                              AnymalRobot::kJoints,
                                              task->world().options().time_step_s));
}

}  // namespace

AnymalRobot::AnymalRobot(const AnymalKeys& keys, TaskBuilder* task)
    : action_scale_(keys.action_scale) {
  const Version& version = keys.robot == "c" ? kC : kB;
  nominal_height_ = version.nominal_height;
  BodyOptions options;
  options.name = "anymal";
  options.base_pose.setOrigin(btVector3(0, 0, nominal_height_));
  options.motors = false;
  options.linear_damping = options.angular_damping = 0;
  options.friction = kFriction;
  const std::string folder = task->FindModel(version.model, absl::StrCat(kModels, version.model));
  body_ = task->AddBody(task->LoadUrdf(folder + version.urdf), options);

  const int links = body_->num_links();
  std::vector<int> joint_of_link(links, -1);
  std::vector<double> torque_max;
  for (int i = 0; i < kJoints; ++i) {
    dofs_[i] =
        body_->Joint(absl::StrCat(kLegNames[i / kJointsPerLeg], kJointNames[i % kJointsPerLeg]));
    joint_of_link[body_->dof_link(dofs_[i])] = i;
    torque_max.push_back(body_->link_model(body_->dof_link(dofs_[i])).effort_max);
  }
  actuator_ = MakeActuator(keys, std::move(torque_max), task);
  parts_.assign(links + 1, AnymalPart::kBase);
  for (int link = 0; link < links; ++link) {
    const int joint = joint_of_link[link];
    // What is fixed to a link belongs to the same part; parents come first.
    parts_[link + 1] =
        joint < 0 ? parts_[body_->link_model(link).parent + 1] : kMovedParts[joint % kJointsPerLeg];
  }
  feet_.assign(links + 1, -1);
  for (int leg = 0; leg < kLegs; ++leg) {
    foot_links_[leg] = body_->Link(absl::StrCat(kLegNames[leg], "_FOOT"));
    feet_[foot_links_[leg] + 1] = leg;
  }
  task->SetAction(kJoints, -keys.action_max, keys.action_max);
}

void AnymalRobot::Reset(const btTransform& base) {
  body_->SetBasePose(base);
  for (int i = 0; i < kJoints; ++i) body_->SetJointPosition(dofs_[i], kNominal[i]);
  targets_ = kNominal;
  torques_ = {};
  actuator_->Reset();
}

void AnymalRobot::DisturbJoints(double noise, Rng& rng) {
  for (int i = 0; i < kJoints; ++i) {
    body_->SetJointPosition(dofs_[i], kNominal[i] + rng.Uniform(-noise, noise));
  }
}

void AnymalRobot::SetTargets(absl::Span<const float> action) {
  for (int i = 0; i < kJoints; ++i) targets_[i] = kNominal[i] + action_scale_ * action[i];
}

void AnymalRobot::ApplyTorques() {
  std::array<double, kJoints> angles, velocities;
  for (int i = 0; i < kJoints; ++i) {
    angles[i] = angle(i);
    velocities[i] = velocity(i);
  }
  actuator_->ComputeTorques({targets_, angles, velocities}, absl::MakeSpan(torques_));
  for (int i = 0; i < kJoints; ++i) body_->AddJointForce(dofs_[i], torques_[i]);
}

void AnymalRobot::Keep(StateArchive& state) {
  for (float& value : actuator_->State()) state.Keep(value);
}

btVector3 AnymalRobot::LinearVelocity() const {
  return base().getBasis().transpose() * body_->LinkVelocity(kBase);
}

btVector3 AnymalRobot::AngularVelocity() const {
  return base().getBasis().transpose() * body_->LinkAngularVelocity(kBase);
}

}  // namespace armature
