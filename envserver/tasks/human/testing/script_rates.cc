// How often a task's own script reaches a goal, and what the shield and the human had to do with
// it.
//
//   script_rates ENV EPISODES [KEY=VALUE ...]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "envserver/tasks/human/testing/script_trial.h"

namespace armature {
namespace {

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: script_rates ENV EPISODES [KEY=VALUE ...]\n");
    return EXIT_FAILURE;
  }
  EnvConfig config;
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t at = word.find('=');
    if (at == std::string::npos) {
      std::fprintf(stderr, "'%s' is not KEY=VALUE\n", argv[i]);
      return EXIT_FAILURE;
    }
    config[word.substr(0, at)] = word.substr(at + 1);
  }
  const ScriptTrialResult result = RunScriptTrial(argv[1], config, std::atoll(argv[2]));
  std::printf(
      "%s: %ld of %ld episodes reach a goal, after %.1f s; %.2f goals an episode; control steps "
      "with "
      "interventions %ld; tracking stops %ld; static collisions %ld; contacts %ld, critical %ld, "
      "%.4f m/s\n",
      argv[1], static_cast<long>(result.successes), static_cast<long>(result.episodes),
      result.successes > 0
          ? 0.1 * static_cast<double>(result.steps_to_goal) / static_cast<double>(result.successes)
          : 0.0,
      static_cast<double>(result.goals) / static_cast<double>(result.episodes),
      static_cast<long>(result.interventions), static_cast<long>(result.tracking_stops),
      static_cast<long>(result.static_collisions), static_cast<long>(result.human_contacts),
      static_cast<long>(result.critical_contacts), result.contact_speed_m_s);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) {
  try {
    return armature::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
}
