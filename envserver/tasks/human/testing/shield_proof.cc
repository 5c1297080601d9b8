// Actions by the hundred thousand beside humans that mean harm, with and without the shield, in the
// real physics: tests/shield_proof.sh. Fails if a contact is faster than the shield promises.
//
//   shield_proof ENV SHIELD ACTIONS THREADS
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

int Main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: shield_proof ENV SHIELD ACTIONS THREADS\n";
    return EXIT_FAILURE;
  }
  ShieldTrial trial;
  trial.env_id = argv[1];
  trial.shield = argv[2];
  trial.actions = kPart;
  const int64_t parts = (std::atoll(argv[3]) + kPart - 1) / kPart;
  const int threads = std::atoi(argv[4]);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<ShieldTrialResult> results(threads);
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (int64_t part = t; part < parts; part += threads) {
        ShieldTrial one = trial;
        one.seed = static_cast<uint64_t>(part);
        one.adversary = part % 2 == 0;
        results[t].Add(RunShieldTrial(one));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  ShieldTrialResult all;
  for (const ShieldTrialResult& result : results) all.Add(result);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf(
      "| `%s` | %s | %ld | %ld | %ld | %ld | %ld | %.4f | %.4f | %ld | %ld | %ld | %.0f |\n",
      argv[1], argv[2], static_cast<long>(all.actions), static_cast<long>(all.contacts),
      static_cast<long>(all.fast_contacts), static_cast<long>(all.cover_episodes),
      static_cast<long>(all.fast_cover_episodes), all.contact_speed_m_s, all.cover_speed_m_s,
      static_cast<long>(all.interventions), static_cast<long>(all.tracking_stops),
      static_cast<long>(all.broke_bounds), all.actions / took.count());
  const bool is_fast = all.fast_contacts > 0 || all.fast_cover_episodes > 0;
  const bool promised = trial.shield != "off";
  if (all.contacts == 0) std::cerr << "no contact at all: nothing was proved\n";
  return is_fast == promised || all.contacts == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
