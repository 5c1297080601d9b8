#include "envserver/tasks/human/testing/script_trial.h"

#include <algorithm>
#include <cmath>

#include "envserver/tasks/human/testing/stage.h"

namespace armature {

ScriptTrialResult RunScriptTrial(const std::string& env_id, const EnvConfig& config,
                                 int64_t episodes) {
  Stage stage(env_id, config);
  ScriptTrialResult result;
  result.episodes = episodes;
  for (int64_t episode = 0; episode < episodes; ++episode) {
    stage.Reset(static_cast<uint64_t>(episode));
    bool has_reached = false;
    for (int64_t t = 0; t < stage.spec().horizon; ++t) {
      stage.Step(stage.ScriptedAction());
      const auto count = [&](const char* metric) { return std::lround(stage.Metric(metric)); };
      result.goals += count("n_goals_reached");
      result.interventions += count("failsafe_interventions");
      result.tracking_stops += count("tracking_stops");
      result.static_collisions += count("n_collisions_static");
      result.human_contacts += count("n_collisions_human");
      result.critical_contacts += count("n_collisions_critical");
      if (has_reached || count("n_goals_reached") == 0) continue;
      has_reached = true;
      ++result.successes;
      result.steps_to_goal += t + 1;
    }
    result.contact_speed_m_s =
        std::max(result.contact_speed_m_s, stage.Metric("contact_speed_m_s"));
  }
  return result;
}

}  // namespace armature
