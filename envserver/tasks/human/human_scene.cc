#include "envserver/tasks/human/human_scene.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envserver/human/generate_motion.h"
#include "envserver/human/human_figure.h"
#include "envserver/human/load_motion.h"
#include "envserver/tasks/human/arm_cover.h"
#include "envserver/tasks/human/human_keep.h"

namespace armature {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr char kAdversary[] = "adversary";
constexpr double kSlowDown_s = 0.2;  // Until one who is to wait stands.
constexpr Colour kSkinColour = {0.87, 0.66, 0.53, 1};
constexpr Colour kShirtColour = {0.27, 0.42, 0.62, 1};
constexpr Colour kTrousersColour = {0.24, 0.25, 0.3, 1};

using Motion = std::shared_ptr<const HumanMotion>;

absl::StatusOr<Motion> ReadMotion(const std::string& name, uint64_t seed) {
  if (absl::EndsWithIgnoreCase(name, ".bvh")) return LoadBvh(name);
  if (absl::EndsWithIgnoreCase(name, ".amc")) {
    const std::vector<std::string> paths = absl::StrSplit(name, ':');
    if (paths.size() != 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("human.motions: '", name, "'; expected SKELETON.asf:MOTION.amc"));
    }
    return LoadAmc(paths[0], paths[1]);
  }
  return GenerateMotion(name, seed);
}

// Once in this process for all environments.
Motion SharedMotion(const std::string& name, uint64_t seed) {
  static std::mutex& mutex = *new std::mutex;
  static auto& motions = *new std::map<std::pair<std::string, uint64_t>, Motion>;
  const std::lock_guard<std::mutex> lock(mutex);
  Motion& motion = motions[{name, seed}];
  if (motion == nullptr) {
    auto read = ReadMotion(name, seed);
    if (!read.ok()) throw TaskError(std::string(read.status().message()));
    motion = *std::move(read);
  }
  return motion;
}

bool IsFile(const std::string& name) { return absl::StrContains(name, '.'); }

HumanModel ModelOf(const TrackerConfig& tracker) {
  HumanModel model = HumanFigure();
  model.position_error_m = tracker.position_error_m;
  model.velocity_error_m_s = tracker.velocity_error_m_s;
  model.delay_s = tracker.delay_s;
  return model;
}

const Colour& PartColour(int child) {
  if (child == kHead || child >= kElbow[0]) return kSkinColour;
  for (const int* pair : {kHip, kKnee, kAnkle, kFoot}) {
    if (child == pair[0] || child == pair[1]) return kTrousersColour;
  }
  return kShirtColour;
}

// The bounds of `factor`, widened to hold the median.
FactorOptions FactorOf(FactorOptions factor, double median, double sigma) {
  factor.median = median;
  factor.sigma = sigma;
  factor.min = std::min(factor.min, median);
  factor.max = std::max(factor.max, median);
  return factor;
}

// In a cube within the ball of that radius.
Eigen::Vector3d Error(double radius, Rng& rng) {
  const double side = radius / std::sqrt(3.0);
  const double x = rng.Uniform(-side, side);
  const double y = rng.Uniform(-side, side);
  return {x, y, rng.Uniform(-side, side)};
}

}  // namespace

void HumanConfig::Visit(ConfigVisitor& v) {
  v.Field("motions", motions,
          "Kinds of generated clips, .bvh files, SKELETON.asf:MOTION.amc; or adversary alone.");
  v.Field("variants", variants, "Clips of each generated kind.", Between(1, 1000));
  v.Field("clips", clips, "Played in an episode, one after the other.", Between(1, 100));
  v.Field("distance_m", distance_m, "Of the human's place from the arm's foot.", AtLeast(0));
  v.Field("speed", speed, "Median factor of clips' speed.", MoreThan(0));
  v.Field("speed_sigma", speed_sigma, "Deviation of the factor's logarithm.", AtLeast(0));
  v.Field("amplitude", amplitude, "Median factor of clips' amplitude.", AtLeast(0));
  v.Field("amplitude_sigma", amplitude_sigma, "Deviation of the factor's logarithm.", AtLeast(0));
  v.Field("pushes", pushes, "Whether what the human touches is pushed.");
}

void TrackerConfig::Visit(ConfigVisitor& v) {
  v.Field("position_error_m", position_error_m, "Of a joint, at most; the shield assumes it.",
          AtLeast(0));
  v.Field("velocity_error_m_s", velocity_error_m_s, "Of a joint, at most; the shield assumes it.",
          AtLeast(0));
  v.Field("age_s", age_s, "Of a measurement, as far as the tracker knows.", Between(0, 1));
  v.Field("delay_s", delay_s, "By which it may be older; the shield assumes it.", Between(0, 1));
  v.Field("dropout", dropout, "Probability that a cycle has no measurement.", Between(0, 1));
  v.Field("velocity", velocity, "Whether velocities are measured.");
}

HumanScene::HumanScene(const HumanConfig& human, const TrackerConfig& tracker,
                       const HumanSceneOptions& options)
    : human_(human), tracker_(tracker), options_(options), model_(ModelOf(tracker)) {
  const double cycle_s = options.physics_step_s * options.steps_per_cycle;
  age_cycles_ = static_cast<int>(std::lround(tracker.age_s / cycle_s));
  delay_cycles_ = static_cast<int>(std::floor(tracker.delay_s / cycle_s + 1e-9));
  past_.resize(age_cycles_ + delay_cycles_ + 1);
  capsules_.resize(model_.capsules.size());
  measured_position_.resize(kHumanJoints);
  measured_velocity_.resize(kHumanJoints);
  const bool is_adversary = human.motions.size() == 1 && human.motions[0] == kAdversary;
  if (is_adversary) return;
  std::vector<Motion> clips;
  for (const std::string& name : human.motions) {
    for (int64_t i = 0; i < (IsFile(name) ? 1 : human.variants); ++i) {
      clips.push_back(SharedMotion(name, static_cast<uint64_t>(i)));
    }
  }
  if (clips.empty()) throw TaskError("human.motions names none");
  PlaybackOptions playback;
  playback.clips = static_cast<int>(human.clips);
  playback.speed = FactorOf(playback.speed, human.speed, human.speed_sigma);
  playback.amplitude = FactorOf(playback.amplitude, human.amplitude, human.amplitude_sigma);
  playback.placement.position = options.arm_foot + Eigen::Vector3d(human.distance_m, 0, 0);
  playback.placement.heading_rad = kPi;
  if (absl::Status status = playback.Validate(); !status.ok()) {
    throw TaskError(absl::StrCat("human: ", status.message()));
  }
  playback_.emplace(std::move(clips), playback);
}

void HumanScene::AddBodies(TaskBuilder& task) {
  for (const HumanCapsule& part : model_.capsules) {
    BodyOptions body;
    body.name = absl::StrCat("human_", std::string(HumanJointName(part.joint_b)));
    body.kinematic = true;
    body.collision_group = kHumanGroup;
    body.collision_mask = human_.pushes ? kArmGroup : 0;
    body.colour = PartColour(part.joint_b);
    const double length = HumanOffset(part.joint_b).norm();
    bodies_.push_back(task.world().AddCapsule(part.radius_m, length, /*mass=*/0, body));
  }
}

void HumanScene::PoseNow(HumanPose* pose) {
  if (!playback_.has_value()) {
    adversary_.Pose(pose);
    return;
  }
  playback_->At(static_cast<double>(steps_) * options_.physics_step_s - waited_s_, pose);
  if (rate_ == 1 && rate_change_ == 0) return;
  for (int j = 0; j < kHumanJoints; ++j) {
    pose->acceleration[j] =
        rate_ * rate_ * pose->acceleration[j] + rate_change_ * pose->velocity[j];
    pose->velocity[j] *= rate_;
  }
}

void HumanScene::Advance() {
  ++steps_;
  const double dt = options_.physics_step_s;
  const double before = rate_;
  const double change = dt / kSlowDown_s;
  rate_ = waits_ ? std::max(0.0, rate_ - change) : std::min(1.0, rate_ + change);
  rate_change_ = (rate_ - before) / dt;
  waited_s_ += (1 - (before + rate_) / 2) * dt;
}

btTransform HumanScene::PartPose(const HumanPose& pose, int part) const {
  const HumanCapsule& capsule = model_.capsules[part];
  return PoseAlong(pose.position[capsule.joint_a], pose.position[capsule.joint_b]);
}

void HumanScene::PlaceCapsules() {
  for (size_t i = 0; i < capsules_.size(); ++i) {
    const HumanCapsule& part = model_.capsules[i];
    capsules_[i] = {pose_.position[part.joint_a], pose_.position[part.joint_b], part.radius_m};
  }
}

void HumanScene::Reset(Rng& rng) {
  if (playback_.has_value()) {
    playback_->Reset(rng);
  } else {
    adversary_.Reset(options_.arm_foot, rng);
  }
  steps_ = 0;
  waited_s_ = rate_change_ = 0;
  rate_ = 1;
  waits_ = false;
  PoseNow(&pose_);
  next_pose_ = pose_;
  std::fill(past_.begin(), past_.end(), pose_);
  PlaceCapsules();
  for (size_t i = 0; i < bodies_.size(); ++i) {
    bodies_[i]->SetBasePose(PartPose(pose_, static_cast<int>(i)));
  }
  ForgetBounds();
}

const HumanMeasurement* HumanScene::Observe(const Eigen::Isometry3d& from_world, Rng& rng) {
  std::move_backward(past_.begin(), past_.end() - 1, past_.end());
  past_[0] = next_pose_;
  peak_.Include(next_pose_);
  const int age = age_cycles_ + static_cast<int>(rng.Index(1 + delay_cycles_));
  const HumanPose& seen = past_[age];
  for (int j = 0; j < kHumanJoints; ++j) {
    measured_position_[j] = from_world * (seen.position[j] + Error(tracker_.position_error_m, rng));
    if (!tracker_.velocity) continue;
    measured_velocity_[j] =
        from_world.linear() * (seen.velocity[j] + Error(tracker_.velocity_error_m_s, rng));
  }
  measurement_.age_s = age_cycles_ * options_.physics_step_s * options_.steps_per_cycle;
  measurement_.position = measured_position_;
  measurement_.velocity =
      tracker_.velocity ? absl::MakeConstSpan(measured_velocity_) : absl::Span<Eigen::Vector3d>();
  const bool is_missing = tracker_.dropout > 0 && rng.Uniform(0, 1) < tracker_.dropout;
  return is_missing ? nullptr : &measurement_;
}

void HumanScene::Move(absl::Span<const Capsule> arm, Rng& rng) {
  pose_ = next_pose_;
  PlaceCapsules();
  if (!playback_.has_value()) adversary_.Step(options_.physics_step_s, arm, rng);
  Advance();
  PoseNow(&next_pose_);
  for (size_t i = 0; i < bodies_.size(); ++i) {
    bodies_[i]->MoveTo(PartPose(next_pose_, static_cast<int>(i)));
  }
}

int HumanScene::PartOf(int body_id) const {
  const int part = body_id - bodies_[0]->id();
  return part >= 0 && part < static_cast<int>(bodies_.size()) ? part : -1;
}

void HumanScene::Keep(StateArchive& state) {
  if (playback_.has_value()) {
    playback_->Keep(state);
  } else {
    adversary_.Keep(state);
  }
  state.Keep(steps_);
  state.Keep(waited_s_);
  state.Keep(rate_);
  state.Keep(rate_change_);
  state.Keep(waits_);
  KeepPose(state, pose_);
  KeepPose(state, next_pose_);
  for (HumanPose& pose : past_) KeepPose(state, pose);
  for (double* value : {&peak_.speed_m_s, &peak_.acceleration_m_s2, &peak_.speed_share,
                        &peak_.acceleration_share}) {
    state.Keep(*value);
  }
  if (!state.is_saving()) PlaceCapsules();
}

}  // namespace armature
