// Cuts the steps of one group into transitions.
//
// A transition's action comes from the ActionSource. If the episode ended, the transition's next
// observation is the final one. A step that restarted its slot is dropped. If the session starts
// over (step 0), pending actions are dropped. Call order: OnStep(0) (OnAction OnStep)*; OnStep(0)
// may start over at any point. Thread safety: compatible.
#ifndef ARMATURE_ACTOR_COLLECT_TRANSITION_CUTTER_H_
#define ARMATURE_ACTOR_COLLECT_TRANSITION_CUTTER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "actor/collect/action_source.h"
#include "actor/collect/transition_buffer.h"
#include "common/env_client/step_decoder.h"
#include "common/policy/group_actions.h"
#include "common/spec/env_spec.h"

namespace armature {

class TransitionCutter {
 public:
  // `first_slot` is the actor's number for the group's slot 0.
  TransitionCutter(int64_t first_slot, const EnvSpec& env,
                   std::shared_ptr<const ActionSource> actions);

  void OnAction(const GroupActions& actions);
  // Appends the transitions that `step` completes.
  void OnStep(const DecodedStep& step, TransitionBuffer* out);

 private:
  const int64_t first_slot_;
  const std::shared_ptr<const ActionSource> actions_;
  const int64_t observation_size_;
  const int64_t action_size_;
  const int64_t goal_extra_size_;
  std::vector<float> observation_;  // [n, D], before the action.
  std::vector<float> proposed_;     // [n, A]
  uint64_t policy_version_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_COLLECT_TRANSITION_CUTTER_H_
