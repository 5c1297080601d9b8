// Actions by the hundred thousand beside humans that mean harm, with and without the shield, in the
// real physics: tests/shield_proof.sh. Fails if a contact is faster than the shield promises.
//
//   shield_proof ENV SHIELD ACTIONS THREADS [KEY=VALUE...]
//   shield_proof ENV SHIELD replay PART EPISODE [KEY=VALUE...]    what came of each action
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "envserver/tasks/human/testing/shield_trial.h"

namespace armature {
namespace {

constexpr int64_t kPart = 2000;  // Actions of one trial; odd ones are beside clips.
constexpr int64_t kEpisode = 100;

struct Arguments {
  std::string env_id;
  std::string shield;
  EnvConfig config;
};

ShieldTrial Part(const Arguments& arguments, int64_t part) {
  ShieldTrial trial;
  trial.env_id = arguments.env_id;
  trial.shield = arguments.shield;
  trial.config = arguments.config;
  trial.actions = kPart;
  trial.seed = static_cast<uint64_t>(part);
  trial.adversary = part % 2 == 0;
  return trial;
}

void PrintMoment(const Arguments& arguments, const char* what, const ShieldTrialMoment& moment) {
  if (moment.speed_m_s <= 0) return;
  std::fprintf(stderr, "fastest %s: %.4f m/s within %.1f s; shield_proof %s %s replay %ld %ld\n",
               what, moment.speed_m_s, moment.time_s, arguments.env_id.c_str(),
               arguments.shield.c_str(), static_cast<long>(moment.trial_seed),
               static_cast<long>(moment.episode));
}

void Replay(const Arguments& arguments, int64_t part, int64_t episode) {
  ShieldTrial trial = Part(arguments, part);
  trial.actions = std::min(kPart, (episode + 1) * kEpisode);
  trial.traced_episode = episode;
  trial.trace = &std::cout;
  RunShieldTrial(trial);
}

int Main(int argc, char** argv) {
  const bool is_replay = argc > 3 && std::string(argv[3]) == "replay";
  const int fixed = is_replay ? 6 : 5;
  if (argc < fixed) {
    std::cerr << "usage: shield_proof ENV SHIELD ACTIONS THREADS [KEY=VALUE...]\n"
                 "       shield_proof ENV SHIELD replay PART EPISODE [KEY=VALUE...]\n";
    return EXIT_FAILURE;
  }
  Arguments arguments = {argv[1], argv[2], {}};
  for (int i = fixed; i < argc; ++i) {
    const std::string pair = argv[i];
    const size_t equals = std::min(pair.find('='), pair.size() - 1);
    arguments.config[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (is_replay) {
    Replay(arguments, std::atoll(argv[4]), std::atoll(argv[5]));
    return EXIT_SUCCESS;
  }
  const int64_t parts = (std::atoll(argv[3]) + kPart - 1) / kPart;
  const int threads = std::atoi(argv[4]);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<ShieldTrialResult> results(threads);
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (int64_t part = t; part < parts; part += threads) {
        results[t].Add(RunShieldTrial(Part(arguments, part)));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  ShieldTrialResult all;
  for (const ShieldTrialResult& result : results) all.Add(result);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf(
      "| `%s` | %s | %ld | %ld | %ld | %ld | %ld | %ld | %.4f | %.4f | %.4f | %ld | %ld | %ld | "
      "%ld | %.0f |\n",
      argv[1], argv[2], static_cast<long>(all.actions), static_cast<long>(all.contacts),
      static_cast<long>(all.fast_contacts), static_cast<long>(all.cover_episodes),
      static_cast<long>(all.fast_cover_episodes), static_cast<long>(all.pushed_cover_episodes),
      all.contact.speed_m_s, all.promised.speed_m_s, all.cover.speed_m_s,
      static_cast<long>(all.interventions), static_cast<long>(all.tracking_stops),
      static_cast<long>(all.pushed), static_cast<long>(all.broke_bounds),
      all.actions / took.count());
  PrintMoment(arguments, "contact", all.contact);
  PrintMoment(arguments, "meeting of capsules", all.promised);
  PrintMoment(arguments, "the same, pushed or not", all.cover);
  const bool is_fast = all.fast_contacts > 0 || all.fast_cover_episodes > 0;
  const bool promised = arguments.shield != "off";
  if (all.contacts == 0) std::cerr << "no contact at all: nothing was proved\n";
  return is_fast == promised || all.contacts == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
