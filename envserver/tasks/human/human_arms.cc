#include "envserver/tasks/human/human_arms.h"

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envserver/shield/schunk_arm.h"
#include "envserver/tasks/human/arm_cover.h"
#include "envserver/tasks/human/schunk_body.h"
#include "envserver/tasks/human/schunk_fingers.h"
#include "envserver/tasks/panda/panda_arm.h"

namespace armature {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr Colour kFloorColour = {0.32, 0.35, 0.4, 1};
constexpr Colour kTableColour = {0.62, 0.5, 0.38, 1};

constexpr int kPandaJoints = 7;
constexpr double kPandaNeutral[] = {0, 0.41, 0, -1.85, 0, 2.26, 0.79, 0, 0};
constexpr double kPandaForce[] = {87, 87, 87, 87, 12, 120, 120};

void ClosePandaFingers(Body* body) {
  for (int dof = kPandaJoints; dof < body->num_dofs(); ++dof) {
    MotorTarget target;
    target.kp = 0.1;
    target.force_max = 170;
    body->SetMotor(dof, target);
  }
}

Body* AddBoard(const char* name, const btVector3& size, const btVector3& position,
               const Colour& colour, BulletWorld* world) {
  BodyOptions options;
  options.name = name;
  options.base_pose.setOrigin(position);
  options.colour = colour;
  options.collision_group = kSceneGroup;
  return world->AddBox(size, /*mass=*/0, options);
}

void AddCameras(TaskBuilder& task, const btVector3& foot) {
  const auto camera = [&](const char* name, const btVector3& from, const btVector3& to,
                          double angle_deg) {
    SceneCamera c;
    c.name = name;
    for (int k = 0; k < 3; ++k) {
      c.position[k] = (foot + from)[k];
      c.target[k] = (foot + to)[k];
    }
    c.vertical_field_of_view_deg = angle_deg;
    c.width_px = 720;
    c.height_px = 480;
    task.AddCamera(c);
  };
  camera("side", btVector3(0.9, -2.9, 1.0), btVector3(0.55, 0, 0.1), 45);
  camera("behind", btVector3(-1.6, -1.3, 1.2), btVector3(0.5, 0, 0.1), 50);
}

// The Panda's cover, found once: hulls of meshes have many points.
const ArmModel& PandaCover(const BodyModel& model, absl::Span<const int> links) {
  static const ArmModel& cover = *new ArmModel([&] {
    auto arm = CoverArm(model, links);
    if (!arm.ok()) throw TaskError(std::string(arm.status().message()));
    return *std::move(arm);
  }());
  return cover;
}

}  // namespace

ArmSetup AddSchunk(TaskBuilder& task, double control_s, int horizon) {
  constexpr double kStep_s = 0.004;
  const int steps = static_cast<int>(std::lround(control_s / kStep_s));
  task.SetTime(kStep_s, steps, horizon * control_s);
  const btVector3 foot(0, 0, 0.82);
  BodyOptions options;
  options.name = "arm";
  options.base_pose.setOrigin(foot);
  options.fixed_base = true;
  options.linear_damping = 0;
  options.angular_damping = 0;
  options.collision_group = kArmGroup;
  Body* body = task.AddBody(SchunkBody(), options);
  const Body* floor = AddBoard("floor", btVector3(6, 6, 0.02), btVector3(0.6, 0, -0.01),
                               kFloorColour, &task.world());
  const Body* table = AddBoard("table", btVector3(1.0, 1.5, 0.05), btVector3(0.3, 0, 0.775),
                               kTableColour, &task.world());
  AddCameras(task, foot);
  ArmSetup setup = {body, {}, SchunkArm()};
  for (int i = 0; i < kSchunkJoints; ++i) setup.dofs.push_back(i);
  setup.tool_link = body->Link("tool");
  setup.start = {0, 0, -kPi / 2, 0, -kPi / 2, 0, 0, 0};
  setup.drive.physics_step_s = kStep_s;
  setup.scene_height_m = 0.8;
  setup.horizon = horizon;
  setup.fingers = std::make_unique<SchunkFingers>(
      &task.world(), body, std::vector<const Body*>{floor, table}, setup.scene_height_m, kStep_s);
  return setup;
}

ArmSetup AddPanda(TaskBuilder& task, double control_s, int horizon) {
  constexpr double kStep_s = 0.002;
  const int steps = static_cast<int>(std::lround(control_s / kStep_s));
  task.SetTime(kStep_s, steps, horizon * control_s);
  auto model = LoadPandaModel();
  if (!model.ok()) throw TaskError(std::string(model.status().message()));
  const btVector3 foot(-0.6, 0, 0);
  BodyOptions options;
  options.name = "arm";
  options.base_pose.setOrigin(foot);
  options.fixed_base = true;
  options.effort_limits = false;  // As the Panda tasks.
  options.mimic_joints = false;
  options.collision_group = kArmGroup;
  Body* body = task.AddBody(*model, options);
  AddBoard("floor", btVector3(6, 6, 0.02), btVector3(0, 0, -0.81), kFloorColour, &task.world());
  AddBoard("table", btVector3(1.1, 1.2, 0.05), btVector3(-0.3, 0, -0.025), kTableColour,
           &task.world());
  AddCameras(task, foot);
  std::vector<int> dofs, links;
  for (int i = 0; i < kPandaJoints; ++i) {
    dofs.push_back(i);
    links.push_back(body->dof_link(i));
  }
  ArmSetup setup = {body, std::move(dofs), PandaCover(**model, links)};
  setup.tool_link = body->Link("panda_grasptarget");
  setup.start.assign(std::begin(kPandaNeutral), std::end(kPandaNeutral));
  setup.drive.physics_step_s = kStep_s;
  setup.drive.steps_per_cycle = 2;
  for (const double force : kPandaForce) {
    MotorTarget motor;
    motor.kp = 0.1;
    motor.kd = 1;
    motor.force_max = force;
    setup.drive.motors.push_back(motor);
  }
  setup.scene_height_m = 0;
  setup.floor_m = -0.8;
  setup.horizon = horizon;
  setup.hold_fingers = ClosePandaFingers;
  return setup;
}

}  // namespace armature
