// Handmade steps for tests of the cutters.
#ifndef ARMATURE_ACTOR_TESTING_SCRIPTED_STEPS_H_
#define ARMATURE_ACTOR_TESTING_SCRIPTED_STEPS_H_

#include <cstdint>
#include <vector>

#include "common/env_client/step_decoder.h"
#include "common/policy/group_actions.h"
#include "common/spec/env_spec.h"

namespace armature {

// What happens to one slot in one step.
enum class Outcome { kGoesOn, kTerminated, kTruncated, kBoth, kRestarted };
inline constexpr Outcome kOutcomes[] = {Outcome::kGoesOn, Outcome::kTerminated, Outcome::kTruncated,
                                        Outcome::kBoth, Outcome::kRestarted};

inline bool Ends(Outcome outcome) {
  return outcome == Outcome::kTerminated || outcome == Outcome::kTruncated ||
         outcome == Outcome::kBoth;
}

// Every observation, action and reward is a number that shows where it belongs.
// D = 2: {value, -value}; A = 1; E = 1.
inline float ObservationAt(uint64_t step, int64_t slot) { return 100.0f * step + slot; }
inline float FinalAt(uint64_t step, int64_t slot) { return 10000.0f + ObservationAt(step, slot); }
inline float RewardAt(uint64_t step, int64_t slot) { return 0.5f * step + 0.25f * slot; }
inline float ExtraAt(uint64_t step, int64_t slot) { return 7.0f * step + slot; }
// The action that answers `step`.
inline float ActionAt(uint64_t step, int64_t slot) { return -0.01f * step - 0.001f * slot; }

// What came of the action that led to `step`: not what was sent. Scaled to [-1, 1] it is the same.
inline float ExecutedAt(uint64_t step, int64_t slot) { return 0.125f * step - 0.0625f * slot; }

inline EnvSpec ScriptedEnv() {
  EnvSpec env;
  env.id = "scripted";
  env.observation = {{"position", v1::DTYPE_FLOAT32, {2}, {}, {}}};
  env.action.low = {-1};
  env.action.high = {1};
  env.goal.emplace();
  env.goal->extra = {{"effort", v1::DTYPE_FLOAT32, {}, {}, {}}};
  env.reports_executed_action = true;
  return env;
}

// For step 0, pass `step` = 0 and outcomes that are all kGoesOn.
inline DecodedStep ScriptedStep(uint64_t step, const std::vector<Outcome>& outcomes) {
  DecodedStep decoded;
  decoded.step = step;
  for (size_t slot = 0; slot < outcomes.size(); ++slot) {
    const Outcome outcome = outcomes[slot];
    decoded.observation.push_back(ObservationAt(step, slot));
    decoded.observation.push_back(-ObservationAt(step, slot));
    decoded.reward.push_back(step == 0 ? 0 : RewardAt(step, slot));
    decoded.terminated.push_back(outcome == Outcome::kTerminated || outcome == Outcome::kBoth);
    decoded.truncated.push_back(outcome == Outcome::kTruncated || outcome == Outcome::kBoth);
    decoded.restarted.push_back(outcome == Outcome::kRestarted);
    decoded.is_success.push_back(outcome == Outcome::kTerminated);
    decoded.goal_extra.push_back(step == 0 ? 0 : ExtraAt(step, slot));
    const bool is_void = step == 0 || outcome == Outcome::kRestarted;
    decoded.executed_action.push_back(is_void ? 0 : ExecutedAt(step, slot));
    if (Ends(outcome)) {
      decoded.final_observation.push_back(FinalAt(step, slot));
      decoded.final_observation.push_back(-FinalAt(step, slot));
    }
  }
  return decoded;
}

inline GroupActions ScriptedActions(uint64_t step, int64_t num_slots, uint64_t policy_version) {
  GroupActions actions;
  actions.policy_version = policy_version;
  for (int64_t slot = 0; slot < num_slots; ++slot) {
    actions.stored.push_back(ActionAt(step, slot));
    actions.sent.push_back(2 * ActionAt(step, slot));
    actions.log_prob.push_back(10 * ActionAt(step, slot));
  }
  return actions;
}

}  // namespace armature

#endif  // ARMATURE_ACTOR_TESTING_SCRIPTED_STEPS_H_
