// Makes the quadruped ANYmal walk as it is told, over rough ground.
//
// Facts: physics step 0.005 s, 4 per control step, episode 20 s. Robot, action and control:
// anymal_robot.h; ground: terrain.h, or a plane. The command is a velocity of the base in its own
// frame, forward and to the left, and a turn rate; drawn anew every command_period_s. Observation,
// reward terms and keys: docs/anymal.md. Reward terms are rates: each value is taken times the
// control step, so that an episode's sum is an integral over its seconds. Start: at rest in the
// nominal pose, in the middle of a patch of level "terrain_level" (a parameter) and of a random
// kind, turned at random; the ground is moved so that this is the world's origin. Ends where the
// base, a hip or a thigh touches the ground, or the robot leaves it. Success: at the end of the
// episode, where tracking_linear was at least success_tracking on average.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/scene/scene.h"
#include "envserver/kit/register_task.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/tasks/anymal/anymal_mirror.h"
#include "envserver/tasks/anymal/anymal_robot.h"
#include "envserver/tasks/anymal/anymal_tasks.h"
#include "envserver/tasks/anymal/height_scan.h"
#include "envserver/tasks/anymal/terrain.h"

namespace armature {
namespace {

constexpr int kJoints = AnymalRobot::kJoints;
constexpr int kLegs = AnymalRobot::kLegs;
constexpr double kPhysicsStep = 0.005;  // s
constexpr int kPhysicsSteps = 4;
constexpr double kControlStep = kPhysicsSteps * kPhysicsStep;
constexpr double kHorizon = 20;         // s
constexpr double kStrideTime = 0.5;     // s in the air that earn nothing.
constexpr double kStandingSpeed = 0.1;  // m/s; slower commands earn no air time.
constexpr double kShownAhead = 0.5;     // s of the command that viewers see.

struct RoughConfig : AnymalKeys {
  std::string terrain = "rough";
  std::string terrain_kind = "any";
  int64_t terrain_seed = 1;
  double easier_terrain = 0;
  bool observe_linear_velocity = true;
  bool observe_heights = true;
  double forward_min = -1, forward_max = 1;
  double lateral_min = -0.5, lateral_max = 0.5;
  double turn_min = -1, turn_max = 1;
  double command_period_s = 5;
  double standing = 0.1;
  double tracking_sigma = 0.25;
  bool thigh_contact_ends = true;
  double success_tracking = 0.7;

  RoughConfig() {
    action_scale = 0.5;
    proportional_gain = 80;
    derivative_gain = 2;
  }
  void Visit(ConfigVisitor& v) {
    AnymalKeys::Visit(v);
    v.Field("terrain", terrain, "Of patches of rising difficulty, or a plane.",
            OneOf({"rough", "flat"}));
    v.Field("terrain_kind", terrain_kind, "On which episodes begin; any: drawn for each.",
            OneOf({"any", "hill", "hollow", "stairs_down", "stairs_up", "random"}));
    v.Field("terrain_seed", terrain_seed, "Decides the random heights.", AtLeast(0));
    v.Field("easier_terrain", easier_terrain,
            "Share of the episodes that begin on an easier level than the parameter's.",
            Between(0, 1));
    v.Field("observe_linear_velocity", observe_linear_velocity,
            "Whether the base's linear velocity is observed; robots must estimate it.");
    v.Field("observe_heights", observe_heights,
            "Whether the heights of the ground around the base are observed.");
    v.Field("forward_min", forward_min, "Of the command, m/s.", Between(-3, 3));
    v.Field("forward_max", forward_max, "Of the command, m/s.", Between(-3, 3));
    v.Field("lateral_min", lateral_min, "Of the command, to the left, m/s.", Between(-3, 3));
    v.Field("lateral_max", lateral_max, "Of the command, to the left, m/s.", Between(-3, 3));
    v.Field("turn_min", turn_min, "Of the command, to the left, rad/s.", Between(-3, 3));
    v.Field("turn_max", turn_max, "Of the command, to the left, rad/s.", Between(-3, 3));
    v.Field("command_period_s", command_period_s, "After which the command is drawn anew.",
            Between(kControlStep, kHorizon));
    v.Field("standing", standing, "Probability that a command is to stand.", Between(0, 1));
    v.Field("tracking_sigma", tracking_sigma,
            "A squared error e of velocities earns exp(-e / tracking_sigma).", Between(0.001, 10));
    v.Field("thigh_contact_ends", thigh_contact_ends,
            "Whether an episode ends where a thigh touches the ground; if not, it counts as a "
            "collision.");
    v.Field("success_tracking", success_tracking,
            "Mean of the linear tracking, 0 to 1, that counts as success.", Between(0, 1));
  }
};

// None: any kind.
std::optional<TerrainKind> KindNamed(const std::string& name) {
  if (name == "hill") return TerrainKind::kHill;
  if (name == "hollow") return TerrainKind::kHollow;
  if (name == "stairs_down") return TerrainKind::kStairsDown;
  if (name == "stairs_up") return TerrainKind::kStairsUp;
  if (name == "random") return TerrainKind::kRandom;
  return std::nullopt;
}

double Square(double x) { return x * x; }

class AnymalRough : public Task {
 public:
  using Config = RoughConfig;
  explicit AnymalRough(const Config& config) : config_(config) {
    if (config.terrain == "rough") {
      terrain_ = Terrain::Shared(static_cast<uint64_t>(config.terrain_seed));
      kind_ = KindNamed(config.terrain_kind);
    }
    CheckOrder("forward", config.forward_min, config.forward_max);
    CheckOrder("lateral", config.lateral_min, config.lateral_max);
    CheckOrder("turn", config.turn_min, config.turn_max);
  }

  void Build(TaskBuilder& task) override {
    task.SetTime(kPhysicsStep, kPhysicsSteps, kHorizon);
    BodyOptions ground;
    ground.name = "ground";
    ground.friction = 1;
    ground_ = terrain_ == nullptr ? task.world().AddPlane(ground)
                                  : task.world().AddHeightField(terrain_->field(), ground);
    robot_.emplace(config_, &task);
    touched_.resize(robot_->body().num_links() + 1);
    if (terrain_ != nullptr) {
      level_ = task.AddParameter("terrain_level", 0, Terrain::kLevels - 1, /*initial=*/3);
    }
    AddFields(task);
    task.SetMirror(
        {MirrorRoughObservation(config_.observe_linear_velocity, config_.observe_heights),
         MirrorAction()});
    AddRewards(task);
    velocity_error_ = task.AddMetric("velocity_error", v1::MetricSpec::AGGREGATION_MEAN);
    turn_error_ = task.AddMetric("turn_error", v1::MetricSpec::AGGREGATION_MEAN);
    base_contact_ = task.AddTermination("base_contact");
    if (config_.thigh_contact_ends) thigh_contact_ = task.AddTermination("thigh_contact");
    if (terrain_ != nullptr) left_terrain_ = task.AddTermination("left_terrain");
    task.ReportsSuccess();
    SceneCamera camera;
    camera.name = "behind";
    camera.position = {-2.2, -2.2, 1.5};
    camera.target = {0.2, 0, -0.1};
    camera.tracked_body = AnymalRobot::kSceneBase;
    task.AddCamera(camera);
    SceneShape sphere;
    sphere.kind = SceneShape::Kind::kSphere;
    sphere.size = {0.05, 0, 0};
    sphere.colour = {0.2, 0.7, 0.2, 1};
    goal_ = task.AddMarker("command", sphere);
  }

  void Reset() override {
    if (terrain_ != nullptr) PlaceGround();
    btTransform base = btTransform::getIdentity();
    base.setOrigin(btVector3(0, 0, robot_->nominal_height()));
    base.setRotation(btQuaternion(btVector3(0, 0, 1), rng().Uniform(-M_PI, M_PI)));
    robot_->Reset(base);
    last_action_ = {};
    air_time_ = {};
    foot_touched_ = {};
    tracking_ = 0;
    DrawCommand();
  }

  void Act(absl::Span<const float> action) override {
    acted_command_ = command_;
    previous_action_ = last_action_;
    std::copy(action.begin(), action.end(), last_action_.begin());
    for (int i = 0; i < kJoints; ++i) previous_velocities_[i] = robot_->velocity(i);
    robot_->SetTargets(action);
  }

  void Substep() override { robot_->ApplyTorques(); }

  Termination Terminated() override {
    std::fill(touched_.begin(), touched_.end(), false);
    bool base = false, thigh = false;
    for (const ContactPoint& contact : world().Contacts(robot_->body(), kAllLinks, *ground_)) {
      const AnymalPart part = robot_->part(contact.link_a);
      touched_[contact.link_a + 1] = true;
      base = base || part == AnymalPart::kBase || part == AnymalPart::kHip;
      thigh = thigh || part == AnymalPart::kThigh;
    }
    if (base) return base_contact_;
    if (thigh && config_.thigh_contact_ends) return thigh_contact_;
    if (terrain_ != nullptr) {
      const btVector3 place = robot_->base().getOrigin() - GroundOrigin();
      if (!terrain_->Contains(place.x(), place.y())) return left_terrain_;
    }
    return {};
  }

  void Observe(ObservationWriter& out) override {
    const int64_t period = std::llround(config_.command_period_s / kControlStep) * kPhysicsSteps;
    if (physics_steps() > 0 && physics_steps() % period == 0) DrawCommand();
    const btTransform base = robot_->base();
    if (config_.observe_linear_velocity) out.Write(linear_velocity_, robot_->LinearVelocity());
    out.Write(angular_velocity_, robot_->AngularVelocity());
    out.Write(gravity_, -base.getBasis()[2]);
    out.Write(command_field_, command_);
    for (int i = 0; i < kJoints; ++i) {
      out[angles_][i] = static_cast<float>(robot_->angle(i) - AnymalRobot::kNominal[i]);
      out[velocities_][i] = static_cast<float>(robot_->velocity(i));
      out[actions_][i] = last_action_[i];
    }
    if (config_.observe_heights) {
      WriteHeightScan(base, robot_->nominal_height(), terrain_.get(), GroundOrigin(),
                      out[heights_]);
    }
  }

  void Reward(RewardTerms& out) override {
    const btVector3 linear = robot_->LinearVelocity();
    const btVector3 angular = robot_->AngularVelocity();
    const double error =
        Square(acted_command_[0] - linear.x()) + Square(acted_command_[1] - linear.y());
    const double tracking = std::exp(-error / config_.tracking_sigma);
    tracking_ += tracking;
    const auto add = [&](RewardTerm term, double rate) { out.Add(term, kControlStep * rate); };
    add(tracking_linear_, tracking);
    add(tracking_turn_,
        std::exp(-Square(acted_command_[2] - angular.z()) / config_.tracking_sigma));
    add(vertical_velocity_, -Square(linear.z()));
    add(roll_pitch_rate_, -Square(angular.x()) - Square(angular.y()));
    for (int i = 0; i < kJoints; ++i) {
      add(torque_, -Square(robot_->torques()[i]));
      add(acceleration_, -Square((robot_->velocity(i) - previous_velocities_[i]) / kControlStep));
      add(action_rate_, -Square(last_action_[i] - previous_action_[i]));
    }
    add(air_time_term_, AirTime());
    int collisions = 0;
    for (int link = kBase; link < robot_->body().num_links(); ++link) {
      if (touched_[link + 1] && robot_->foot(link) < 0) ++collisions;
    }
    add(collisions_, -collisions);
  }

  void Report(MetricValues& out) override {
    const btVector3 linear = robot_->LinearVelocity();
    out.Set(velocity_error_, std::hypot(acted_command_[0] - linear.x(),  //
                                        acted_command_[1] - linear.y()));
    out.Set(turn_error_, std::abs(acted_command_[2] - robot_->AngularVelocity().z()));
  }

  bool Success() override {
    const int64_t steps = physics_steps() / kPhysicsSteps;
    return steps == std::llround(kHorizon / kControlStep) &&
           tracking_ >= config_.success_tracking * static_cast<double>(steps);
  }

  void Show(MarkerPoses& out) override {
    const btVector3 ahead(kShownAhead * command_[0], kShownAhead * command_[1], 0.3);
    out.Place(goal_, robot_->base() * ahead);
  }

  void Keep(StateArchive& state) override {
    robot_->Keep(state);
    state.Keep(command_);
    state.Keep(last_action_);
    state.Keep(air_time_);
    state.Keep(foot_touched_);
    state.Keep(tracking_);
  }

 private:
  static void CheckOrder(const char* name, double low, double high) {
    if (low <= high) return;
    throw TaskError(std::string(name) + "_min is " + std::to_string(low) + ", above " + name +
                    "_max, " + std::to_string(high));
  }

  void AddFields(TaskBuilder& task) {
    if (config_.observe_linear_velocity) linear_velocity_ = task.AddField("linear_velocity", 3);
    angular_velocity_ = task.AddField("angular_velocity", 3);
    gravity_ = task.AddField("gravity", 3, -1.01, 1.01);
    command_field_ = task.AddField("command", 3, -3, 3);
    angles_ = task.AddField("joint_angles", kJoints);
    velocities_ = task.AddField("joint_velocities", kJoints);
    actions_ = task.AddField("last_action", kJoints, -config_.action_max, config_.action_max);
    if (config_.observe_heights) heights_ = task.AddField("heights", kHeightScanSize, -1, 1);
  }

  void AddRewards(TaskBuilder& task) {
    tracking_linear_ = task.AddReward("tracking_linear", 1);
    tracking_turn_ = task.AddReward("tracking_turn", 0.5);
    vertical_velocity_ = task.AddReward("vertical_velocity", 2);
    roll_pitch_rate_ = task.AddReward("roll_pitch_rate", 0.05);
    torque_ = task.AddReward("torque", 1e-5);
    acceleration_ = task.AddReward("joint_acceleration", 2.5e-7);
    action_rate_ = task.AddReward("action_rate", 0.01);
    air_time_term_ = task.AddReward("feet_air_time", 1);
    collisions_ = task.AddReward("collisions", 1);
  }

  // Moves the ground so that the middle of a patch is the origin.
  void PlaceGround() {
    int level = static_cast<int>(std::lround(parameter(level_)));
    if (level > 0 && rng().Uniform(0, 1) < config_.easier_terrain) {
      level = static_cast<int>(rng().Index(level));
    }
    const auto drawn = static_cast<TerrainKind>(rng().Index(Terrain::kKinds));
    const TerrainKind kind = kind_.value_or(drawn);
    btTransform pose = btTransform::getIdentity();
    pose.setOrigin(-terrain_->Middle(level, kind));
    ground_->SetBasePose(pose);
  }

  btVector3 GroundOrigin() const { return ground_->LinkPose(kBase).getOrigin(); }

  void DrawCommand() {
    const bool stands = rng().Uniform(0, 1) < config_.standing;
    const double forward = rng().Uniform(config_.forward_min, config_.forward_max);
    const double lateral = rng().Uniform(config_.lateral_min, config_.lateral_max);
    const double turn = rng().Uniform(config_.turn_min, config_.turn_max);
    command_ = {forward, lateral, turn};
    if (stands) command_ = {};
  }

  // Of feet that come down in this step: their time in the air beyond kStrideTime, s.
  double AirTime() {
    double reward = 0;
    for (int leg = 0; leg < kLegs; ++leg) {
      const bool touches = touched_[robot_->foot_link(leg) + 1];
      // Contacts flicker: one step of two is enough.
      const bool stands = touches || foot_touched_[leg];
      foot_touched_[leg] = touches;
      air_time_[leg] += kControlStep;
      if (!stands) continue;
      const bool came_down = air_time_[leg] > 1.5 * kControlStep;
      if (came_down) reward += air_time_[leg] - kStrideTime;
      air_time_[leg] = 0;
    }
    const bool walks = std::hypot(acted_command_[0], acted_command_[1]) > kStandingSpeed;
    return walks ? reward : 0;
  }

  const Config config_;
  std::shared_ptr<const Terrain> terrain_;  // Null: a plane.
  std::optional<TerrainKind> kind_;         // None: drawn for each episode.
  Body* ground_ = nullptr;
  std::optional<AnymalRobot> robot_;
  Parameter level_;
  Marker goal_;
  Field linear_velocity_, angular_velocity_, gravity_, command_field_, angles_, velocities_,
      actions_, heights_;
  Metric velocity_error_, turn_error_;
  RewardTerm tracking_linear_, tracking_turn_, vertical_velocity_, roll_pitch_rate_, torque_,
      acceleration_, action_rate_, air_time_term_, collisions_;
  Termination base_contact_, thigh_contact_, left_terrain_;

  std::array<double, 3> command_ = {};        // Forward, left (m/s), turn (rad/s).
  std::array<double, 3> acted_command_ = {};  // That the last action was given for.
  std::array<float, kJoints> last_action_ = {}, previous_action_ = {};
  std::array<double, kJoints> previous_velocities_ = {};
  std::array<double, kLegs> air_time_ = {};  // s, since each foot left the ground.
  std::array<bool, kLegs> foot_touched_ = {};
  std::vector<char> touched_;  // [1 + links], by the last physics step.
  double tracking_ = 0;        // Sum over the episode.
};

}  // namespace

absl::Status RegisterAnymalRough(EnvRegistry& registry) {
  return RegisterTask<AnymalRough>(
      registry, "anymal_rough",
      "Make the quadruped ANYmal follow commands of velocity over rough ground.");
}

}  // namespace armature
