#include "envserver/tasks/human/testing/shield_trial.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/random/rng.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/inverse_kinematics.h"
#include "envserver/env/arm_actions.h"
#include "envserver/env/env.h"
#include "envserver/tasks/human/human_tasks.h"

namespace armature {
namespace {

constexpr double kSafeSpeed_m_s = 0.05;
constexpr double kControl_s = 0.1;
constexpr int kCandidates = 6;
constexpr const char* kTraced[] = {"min_distance_m",
                                   "contact_speed_m_s",
                                   "cover_contact_speed_m_s",
                                   "promised_contact_speed_m_s",
                                   "arm_pushed",
                                   "n_collisions_human",
                                   "n_collisions_static",
                                   "tracking_stops",
                                   "failsafe_interventions"};

class Runner {
 public:
  explicit Runner(const ShieldTrial& trial) : rng_({trial.seed, 17}) {
    EnvRegistry registry;
    registry_status_ = RegisterHumanTasks(registry);
    EnvConfig config = trial.config;
    config["shield.type"] = trial.shield;
    config["critical_speed_m_s"] = absl::StrCat(kSafeSpeed_m_s);
    if (trial.adversary) {
      config["human.motions"] = "[adversary]";
    } else {
      config["human.speed_sigma"] = "0";
      config["human.amplitude_sigma"] = "0";
      config["human.distance_m"] = "0.9";
    }
    auto env = registry.Make(trial.env_id, config);
    if (!env.ok()) throw std::runtime_error(env.status().ToString());
    env_ = *std::move(env);
    for (const FieldSpec& field : spec().observation) memory_.emplace_back(field.bytes());
    std::vector<absl::Span<uint8_t>> fields;
    for (std::vector<uint8_t>& bytes : memory_) fields.push_back(absl::MakeSpan(bytes));
    observation_ = std::make_unique<Observation>(std::move(fields));
    for (size_t i = 0; i < spec().metrics.size(); ++i) index_[spec().metrics[i].name] = i;
    metrics_.resize(spec().metrics.size());
    ArmActions& arm = *env_->arm();
    kinematics_ = std::make_unique<InverseKinematics>(
        std::shared_ptr<const BodyModel>(&arm.body().model(), [](const BodyModel*) {}),
        arm.tool_link(), InverseKinematicsOptions());
  }

  ShieldTrialResult Run(const ShieldTrial& trial) {
    ShieldTrialResult result;
    for (int64_t episode = 0; result.actions < trial.actions; ++episode) {
      const bool is_traced = trial.trace != nullptr && episode == trial.traced_episode;
      RunEpisode(trial.seed, episode, is_traced ? trial.trace : nullptr, result);
    }
    return result;
  }

 private:
  const EnvSpec& spec() const { return env_->spec(); }
  double Value(const char* name) const { return metrics_[index_.at(name)]; }

  void RunEpisode(uint64_t trial_seed, int64_t episode, std::ostream* trace,
                  ShieldTrialResult& result) {
    env_->Reset(trial_seed * 1000003 + static_cast<uint64_t>(episode), *observation_);
    const int64_t manner = rng_.Index(4);
    std::vector<float> action(spec().action.size());
    int64_t kept = 0;
    for (int64_t t = 0; t < spec().horizon; ++t) {
      if (manner != 2 || kept-- == 0) {
        Choose(manner, action);
        kept = 1 + rng_.Index(20);
      }
      env_->Step(action, *observation_);
      env_->ReadMetrics(absl::MakeSpan(metrics_));
      ++result.actions;
      result.contacts += std::lround(Value("n_collisions_human"));
      result.fast_contacts += std::lround(Value("n_collisions_critical"));
      result.static_contacts += std::lround(Value("n_collisions_static"));
      result.interventions += std::lround(Value("failsafe_interventions"));
      result.tracking_stops += std::lround(Value("tracking_stops"));
      result.pushed += std::lround(Value("arm_pushed"));
      result.broke_bounds += std::lround(Value("human_broke_bounds"));
      const double time_s = kControl_s * static_cast<double>(t + 1);
      result.contact.Include({Value("contact_speed_m_s"), trial_seed, episode, time_s});
      result.cover.Include({Value("cover_contact_speed_m_s"), trial_seed, episode, time_s});
      result.promised.Include({Value("promised_contact_speed_m_s"), trial_seed, episode, time_s});
      if (trace != nullptr) Trace(time_s, *trace);
    }
    // These are of the episode so far.
    result.distance_m = std::min(result.distance_m, Value("min_distance_m"));
    result.cover_episodes += Value("min_distance_m") <= 0 ? 1 : 0;
    if (Value("promised_contact_speed_m_s") > kSafeSpeed_m_s) {
      ++result.fast_cover_episodes;
    } else if (Value("cover_contact_speed_m_s") > kSafeSpeed_m_s) {
      ++result.pushed_cover_episodes;
    }
  }

  void Trace(double time_s, std::ostream& out) const {
    out << absl::StrFormat("%5.1f", time_s);
    for (const char* name : kTraced) out << absl::StrFormat(" %s=%.4g", name, Value(name));
    out << " joints' speeds, rad/s:";
    for (const double speed : env_->arm()->body().joint_velocities()) {
      out << absl::StrFormat(" %.4f", speed);
    }
    out << "\n";
  }

  void Choose(int64_t manner, std::vector<float>& action) {
    for (float& a : action) a = static_cast<float>(rng_.Uniform(-1, 1));
    if (manner == 1) {
      for (float& a : action) a = a < 0 ? -1 : 1;
    }
    if (manner == 3) GoAtTheHuman(action);
  }

  void GoAtTheHuman(std::vector<float>& action) {
    ArmActions& arm = *env_->arm();
    const absl::Span<const double> now = arm.body().joint_positions();
    std::vector<double> joints(now.begin(), now.end());
    const btVector3 tool = arm.body().LinkPose(arm.tool_link()).getOrigin();
    const btTransform base = arm.body().LinkPose(kBase);
    const auto* human = reinterpret_cast<const float*>(memory_[0].data());
    const int target = static_cast<int>(rng_.Index(3));
    const btVector3 goal =
        tool + btVector3(human[3 * target], human[3 * target + 1], human[3 * target + 2]);
    std::vector<float> candidate(action.size());
    std::vector<double> at(arm.dofs().size());
    double best = 1e9;
    for (int i = 0; i < kCandidates; ++i) {
      for (float& a : candidate) a = rng_.Uniform(-1, 1) < 0 ? -1 : 1;
      arm.JointGoal(candidate, absl::MakeSpan(at));
      for (size_t j = 0; j < at.size(); ++j) joints[arm.dofs()[j]] = at[j];
      const double distance =
          ((base * kinematics_->ForwardKinematics(joints)).getOrigin() - goal).length();
      if (distance >= best) continue;
      best = distance;
      action = candidate;
    }
  }

  Rng rng_;
  absl::Status registry_status_;
  std::unique_ptr<Env> env_;
  std::unique_ptr<InverseKinematics> kinematics_;
  std::vector<std::vector<uint8_t>> memory_;
  std::unique_ptr<Observation> observation_;
  std::map<std::string, size_t> index_;
  std::vector<float> metrics_;
};

}  // namespace

void ShieldTrialResult::Add(const ShieldTrialResult& other) {
  actions += other.actions;
  contacts += other.contacts;
  fast_contacts += other.fast_contacts;
  fast_cover_episodes += other.fast_cover_episodes;
  cover_episodes += other.cover_episodes;
  contact.Include(other.contact);
  cover.Include(other.cover);
  promised.Include(other.promised);
  pushed_cover_episodes += other.pushed_cover_episodes;
  pushed += other.pushed;
  distance_m = std::min(distance_m, other.distance_m);
  interventions += other.interventions;
  tracking_stops += other.tracking_stops;
  static_contacts += other.static_contacts;
  broke_bounds += other.broke_bounds;
}

ShieldTrialResult RunShieldTrial(const ShieldTrial& trial) { return Runner(trial).Run(trial); }

}  // namespace armature
