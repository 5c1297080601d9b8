// Rewards actions that are like an expert's in the same state (human-robot-gym's
// action_based_expert_imitation_reward).
//
// Facts: see imitation.h. d_motion is the Euclidean distance of the components that move, d_gripper
// that of the gripper's, in the action's own units; what was proposed is compared, not what was
// executed. `gripper` names the gripper's components; empty: those that do not move the arm, if the
// environment says which it is (Env::arm), else none. Where the expert has no action (after the end
// of a recorded episode) r_im is 0.
// Refused: actions that are not a Box; what the expert refuses.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/imitation.h"
#include "envserver/wrappers/register_wrapper.h"
#include "envserver/wrappers/tool_solver.h"

namespace armature {
namespace {

class ActionImitationReward : public ImitationWrapper {
 public:
  struct Config : ImitationConfig {
    std::vector<int64_t> gripper;
    void Visit(ConfigVisitor& v) {
      v.Field("gripper", gripper,
              "The action's components that are the gripper's, from 0; empty: those that do not "
              "move the arm.");
      ImitationConfig::Visit(v);
    }
  };

  ActionImitationReward(std::unique_ptr<Env> env, int place, const Config& config)
      : ImitationWrapper(std::move(env), place, "action", config),
        expert_action_(spec().action.size()) {
    const int64_t size = spec().action.size();
    is_gripper_.resize(size);
    for (int64_t i : config.gripper) {
      if (i < 0 || i >= size) {
        throw WrapperError(
            absl::StrCat("gripper has ", i, "; the action's components are 0 to ", size - 1));
      }
      is_gripper_[i] = true;
    }
    if (config.gripper.empty() && inner().arm() != nullptr) {
      for (int i : ArmComponents(*inner().arm(), spec().action).rest) is_gripper_[i] = true;
    }
    has_gripper_ = std::find(is_gripper_.begin(), is_gripper_.end(), true) != is_gripper_.end();
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    double reward = 0;
    if (expert_acts_) {
      double motion = 0, gripper = 0;
      for (size_t i = 0; i < action.size(); ++i) {
        const double difference = static_cast<double>(action[i]) - expert_action_[i];
        (is_gripper_[i] ? gripper : motion) += difference * difference;
      }
      reward = ImitationReward(config(), std::sqrt(motion), has_gripper_, std::sqrt(gripper));
    }
    const StepResult step = inner().Step(action, observation);
    ++steps_;
    AskExpert(observation);
    return Mix(step, reward, /*ends=*/false);
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner().Reset(seed, observation);
    steps_ = 0;
    expert().Begin(observation);
    AskExpert(observation);
  }

  void Keep(StateArchive& state) override {
    state.Keep(steps_);
    state.Keep(expert_acts_);
    state.Keep(expert_action_);
    expert().Keep(state);
  }

 private:
  void AskExpert(Observation& observation) {
    expert_acts_ = expert().Act(steps_, observation, absl::MakeSpan(expert_action_));
  }

  std::vector<bool> is_gripper_;  // By component of the action.
  bool has_gripper_ = false;
  int64_t steps_ = 0;  // Of this episode.
  // What the expert does next.
  bool expert_acts_ = false;
  std::vector<float> expert_action_;
};

}  // namespace

absl::Status RegisterActionImitationReward(EnvRegistry& registry) {
  return RegisterWrapper<ActionImitationReward>(registry, "action_imitation_reward",
                                                "Rewards actions like an expert's.");
}

}  // namespace armature
