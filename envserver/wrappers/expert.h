// Who shows how it is done, for wrappers that reward imitation. One interface, four kinds:
// - scripted: goes straight to the goal, with an arm that the environment knows (Env::arm);
// - policy: a saved policy's deterministic action (docs/policy_file.md);
// - task: the environment's own script (ArmActions::ScriptedAction);
// - recorded: of demonstrated episodes (docs/demonstrations.md), the one whose first observation is
//   nearest to this episode's.
//
// Call order: for each episode Begin Act*.
// Determinism: an expert draws no random numbers; what later calls depend on is in Keep.
// Errors: MakeExpert throws WrapperError.
// Cost: nothing is allocated in Begin and Act.
// Thread safety: none, like the environment, which must outlive it.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_EXPERT_H_
#define ARMATURE_ENVSERVER_WRAPPERS_EXPERT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/config/config.h"
#include "envserver/env/env.h"
#include "envserver/kit/state_archive.h"
#include "envserver/wrappers/observation_elements.h"

namespace armature {

struct ExpertConfig {
  std::string type = "scripted";
  std::string path;
  std::vector<std::string> goal;
  std::string goal_is = "tool";

  void Visit(ConfigVisitor& v) {
    v.Field("type", type,
            "scripted: straight to the goal; task: the task's own script; policy: a saved one; "
            "recorded: episodes.",
            OneOf({"scripted", "task", "policy", "recorded"}));
    v.Field("path", path, "Of the policy's or the demonstrations' file, on the env server.");
    v.Field(
        "goal", goal,
        "scripted. Observed elements that are the goal, FIELD or FIELD[0:3]; empty: the desired "
        "goal.");
    v.Field(
        "goal_is", goal_is,
        "scripted. What they are: the tool's place, in m in the world, or the joints'; or what is "
        "left to go of it.",
        OneOf({"tool", "joints", "tool_difference", "joints_difference"}));
  }
};

// What an expert that follows a record does in an episode of n steps.
struct RecordedEpisode {
  int64_t steps = 0;
  std::vector<float> action;  // [n, A]
  // Of the elements that were asked for.  [n + 1, elements]
  std::vector<double> elements;
};

class Expert {
 public:
  virtual ~Expert() = default;

  // Begins an episode that has been reset, at its first observation.
  virtual void Begin(Observation& first) { (void)first; }
  // Writes the action after `step` steps of the episode (0: the first one), within the bounds.
  // Returns false, and writes nothing, if the expert has none.
  virtual bool Act(int64_t step, Observation& observation, absl::Span<float> action) = 0;
  // The episode that Begin has chosen. Returns false if this kind follows none.
  virtual bool ReadEpisode(const ObservationElements& elements, RecordedEpisode* episode) {
    (void)elements, (void)episode;
    return false;
  }
  virtual void Keep(StateArchive& state) { (void)state; }
};

// For the environment that observes and acts as `env`.
std::unique_ptr<Expert> MakeExpert(const ExpertConfig& config, Env& env);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_EXPERT_H_
