// Where the action that a transition stores comes from: the policy proposed it, or the environment
// says that it executed it.
//
// Thread safety: immutable.
#ifndef ARMATURE_ACTOR_COLLECT_ACTION_SOURCE_H_
#define ARMATURE_ACTOR_COLLECT_ACTION_SOURCE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/env_client/step_decoder.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class ActionSource {
 public:
  virtual ~ActionSource() = default;

  // Returns the actions of the transitions that `step` completes, [n, A], a Box scaled to [-1, 1].
  // `proposed`: those that were sent, in that form. Rows of restarted slots mean nothing.
  virtual std::vector<float> Choose(const std::vector<float>& proposed,
                                    const DecodedStep& step) const = 0;
};

std::shared_ptr<const ActionSource> ProposedActions();
// For environments that report them.
std::shared_ptr<const ActionSource> ExecutedActions(const ActionSpec& action);

// Makes the one that the learner has asked for (JoinResponse.stored_action). Returns
// InvalidArgument if `env` does not report executed actions, or this version does not know what is
// asked for.
absl::StatusOr<std::shared_ptr<const ActionSource>> MakeActionSource(v1::StoredAction stored,
                                                                     const EnvSpec& env);

}  // namespace armature

#endif  // ARMATURE_ACTOR_COLLECT_ACTION_SOURCE_H_
