// Rewards states that are like those of a demonstration after the same number of steps
// (human-robot-gym's state_based_expert_imitation_reward).
//
// Facts: see imitation.h. d_motion and d_gripper are the Euclidean distances of the observed
// elements that `motion` and `gripper` name. The demonstration is the recorded expert's episode.
// A scripted or saved expert demonstrates at the reset: it plays the episode that has begun, to its
// end or for demonstration_steps_max steps, and the state after the reset is put back. After the
// demonstration's end its last state is compared with.
// reference_start is the probability that an episode begins within the demonstration (reference
// state initialisation): the demonstrated actions are played from the reset up to a step drawn
// uniformly. With a scripted or saved expert this leads exactly into the demonstrated state; with a
// record as near as the reset was to the record's beginning; if the episode ends on the way, it
// begins at the reset. It ends, truncated, when the task's horizon has passed.
// early_end: an episode ends, terminated, where d_motion exceeds early_end x iota_motion; 0: never.
// Metric "state_imitation/early_ends".
// observe_phase: a new last field "demonstration_phase" float32 [1], the share of the demonstration
// that has passed, at most 1; without it the reward is no function of the observation.
// Refused: scripted and saved experts in environments that do not save their state; what the expert
// refuses.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/imitation.h"
#include "envserver/wrappers/observation_elements.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

constexpr char kPhase[] = "demonstration_phase";

std::vector<std::string> Joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class StateImitationReward : public ImitationWrapper {
 public:
  struct Config : ImitationConfig {
    std::vector<std::string> motion;
    std::vector<std::string> gripper;
    double reference_start = 0;
    double early_end = 0;
    bool observe_phase = true;
    int64_t demonstration_steps_max = 1000;
    void Visit(ConfigVisitor& v) {
      v.Field("motion", motion, "Observed elements that are compared, FIELD or FIELD[0:3].");
      v.Field("gripper", gripper, "Those of the gripper; empty: none.");
      v.Field("reference_start", reference_start,
              "Probability that an episode begins within the demonstration.", Between(0, 1));
      v.Field("early_end", early_end,
              "The episode ends where the motion is more than this many iota_motion off; 0: never.",
              AtLeast(0));
      v.Field("observe_phase", observe_phase,
              "Whether there is a field with the share of the demonstration that has passed.");
      v.Field("demonstration_steps_max", demonstration_steps_max,
              "Of a demonstration that the expert plays at the reset, without a horizon.",
              Between(1, 100000));
      ImitationConfig::Visit(v);
    }
  };

  StateImitationReward(std::unique_ptr<Env> env, int place, const Config& config)
      : ImitationWrapper(std::move(env), place, "state", config),
        keys_(config),
        memory_(inner().spec().observation),
        played_(inner().spec().observation),
        num_motion_(ObservationElements(inner().spec(), "motion", config.motion).size()),
        elements_(inner().spec(), "motion or gripper", Joined(config.motion, config.gripper)),
        now_(elements_.size()),
        action_(spec().action.size()) {
    if (config.motion.empty()) {
      throw WrapperError("motion is empty; expected observed elements, such as FIELD[0:3]");
    }
    EnvSpec& spec = mutable_spec();
    if (config.expert.type != "recorded" && !spec.saves_state) {
      throw WrapperError(absl::StrCat(spec.id, " does not save its state, which is put back after ",
                                      "the expert has played; only a recorded expert will do"));
    }
    spec.metrics.push_back({"state_imitation/early_ends", v1::MetricSpec::AGGREGATION_SUM});
    if (!config.observe_phase) return;
    FieldSpec phase;
    phase.name = kPhase;
    phase.shape = {1};
    phase.low = {0};
    phase.high = {1};
    spec.observation.push_back(std::move(phase));
    spec.mirror.reset();
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    StepResult step = inner().Step(action, memory_.observation());
    ++steps_;
    Write(observation);
    elements_.Read(memory_.observation(), absl::MakeSpan(now_));
    const double* demonstrated =
        demonstration_.elements.data() +
        std::min(steps_, demonstration_.steps) * static_cast<int64_t>(now_.size());
    double motion = 0, gripper = 0;
    for (size_t i = 0; i < now_.size(); ++i) {
      const double difference = now_[i] - demonstrated[i];
      (static_cast<int64_t>(i) < num_motion_ ? motion : gripper) += difference * difference;
    }
    const bool has_gripper = static_cast<int64_t>(now_.size()) > num_motion_;
    const double reward =
        ImitationReward(config(), std::sqrt(motion), has_gripper, std::sqrt(gripper));
    ended_early_ = keys_.early_end > 0 &&
                   std::sqrt(motion) > keys_.early_end * config().iota_motion && !step.terminated;
    step = Mix(step, reward, ended_early_);
    if (start_ > 0 && spec().horizon > 0 && steps_ >= spec().horizon) step.truncated = true;
    if (step.terminated) step.truncated = false;
    return step;
  }

  void ReadMetrics(absl::Span<float> metrics) const override {
    ImitationWrapper::ReadMetrics(metrics.subspan(0, metrics.size() - 1));
    metrics.back() = ended_early_ ? 1 : 0;
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner().Reset(seed, memory_.observation());
    expert().Begin(memory_.observation());
    if (!expert().ReadEpisode(elements_, &demonstration_)) Demonstrate();
    start_ = 0;
    if (keys_.reference_start > 0 && rng().Uniform(0, 1) < keys_.reference_start) {
      start_ = rng().Index(demonstration_.steps);
    }
    for (int64_t t = 0; t < start_; ++t) {
      const StepResult step = inner().Step(Demonstrated(t), memory_.observation());
      if (!step.terminated && !step.truncated) continue;
      inner().Reset(seed, memory_.observation());
      start_ = 0;  // Ends the loop.
    }
    steps_ = start_;
    Write(observation);
  }

  void Keep(StateArchive& state) override {
    expert().Keep(state);
    state.Keep(start_);
    state.Keep(steps_);
    state.Keep(demonstration_.steps);
    std::string elements;
    if (state.is_saving()) {
      elements.assign(reinterpret_cast<const char*>(demonstration_.elements.data()),
                      demonstration_.elements.size() * sizeof(double));
    }
    state.Keep(elements);
    const uint64_t expected = (demonstration_.steps + 1) * now_.size() * sizeof(double);
    state.Check(start_ >= 0 && steps_ >= start_ && demonstration_.steps >= 0 &&
                (elements.empty() || elements.size() == expected));
    if (state.is_saving() || !state.ok()) return;
    demonstration_.elements.resize(elements.size() / sizeof(double));
    std::memcpy(demonstration_.elements.data(), elements.data(), elements.size());
  }

 private:
  // What was demonstrated in step t.
  absl::Span<const float> Demonstrated(int64_t t) const {
    return absl::MakeConstSpan(demonstration_.action).subspan(t * action_.size(), action_.size());
  }

  // Lets the expert play the episode that has been reset, and puts back its beginning.
  void Demonstrate() {
    beginning_.clear();
    absl::Status status = inner().SaveState(&beginning_);
    if (!status.ok()) throw std::runtime_error(status.ToString());
    demonstration_.steps = 0;
    demonstration_.action.clear();
    demonstration_.elements.clear();
    memory_.CopyTo(played_.observation());
    AddElements();
    const int64_t steps_max = spec().horizon > 0 ? spec().horizon : keys_.demonstration_steps_max;
    StepResult step;
    while (demonstration_.steps < steps_max && !step.terminated && !step.truncated &&
           expert().Act(demonstration_.steps, played_.observation(), absl::MakeSpan(action_))) {
      step = inner().Step(action_, played_.observation());
      demonstration_.action.insert(demonstration_.action.end(), action_.begin(), action_.end());
      AddElements();
      ++demonstration_.steps;
    }
    status = inner().RestoreState(beginning_);
    if (!status.ok()) throw std::runtime_error(status.ToString());
  }

  void AddElements() {
    elements_.Read(played_.observation(), absl::MakeSpan(now_));
    demonstration_.elements.insert(demonstration_.elements.end(), now_.begin(), now_.end());
  }

  void Write(Observation& observation) const {
    memory_.CopyTo(observation);
    if (!keys_.observe_phase) return;
    const double phase = static_cast<double>(steps_) / static_cast<double>(demonstration_.steps);
    observation.Field<float>(static_cast<int64_t>(spec().observation.size()) - 1)[0] =
        static_cast<float>(std::min(phase, 1.0));
  }

  const Config keys_;
  ObservationMemory memory_;  // The inner environment's observation.
  ObservationMemory played_;  // While the expert plays.
  const int64_t num_motion_;  // The first elements_; the others are the gripper's.
  const ObservationElements elements_;
  std::vector<double> now_;    // Their values.
  std::vector<float> action_;  // Scratch.
  std::string beginning_;      // The state after the reset.
  RecordedEpisode demonstration_;
  int64_t start_ = 0;  // The step of the demonstration at which the episode has begun,
  int64_t steps_ = 0;  // and where it is now.
  bool ended_early_ = false;
};

}  // namespace

absl::Status RegisterStateImitationReward(EnvRegistry& registry) {
  return RegisterWrapper<StateImitationReward>(
      registry, "state_imitation_reward",
      "Rewards states like a demonstration's after as many steps.");
}

}  // namespace armature
