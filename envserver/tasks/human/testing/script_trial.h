// Episodes in which a task's own script acts, and what became of them.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_TESTING_SCRIPT_TRIAL_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_TESTING_SCRIPT_TRIAL_H_

#include <cstdint>
#include <string>

#include "envserver/env/env_registry.h"

namespace armature {

struct ScriptTrialResult {
  int64_t episodes = 0;
  int64_t successes = 0;
  int64_t goals = 0;
  int64_t steps_to_goal = 0;  // Sum over successes, to the first goal.
  int64_t interventions = 0;  // Control steps.
  int64_t tracking_stops = 0;
  int64_t static_collisions = 0;
  int64_t human_contacts = 0;
  int64_t critical_contacts = 0;
  double contact_speed_m_s = 0;
};

// Seeds are 0, 1, ...
ScriptTrialResult RunScriptTrial(const std::string& env_id, const EnvConfig& config,
                                 int64_t episodes);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_TESTING_SCRIPT_TRIAL_H_
