// Writes the event file that read_events.py expects into the folder it is given.
#include <cstdio>

#include "learner/run_dir/event_writer.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_example_events FOLDER\n");
    return 2;
  }
  const absl::Time start = absl::FromUnixSeconds(1700000000);
  armature::EventWriter writer(argv[1], start);
  for (int i = 1; i <= 3; ++i) {
    const absl::Status status =
        writer.Append({{"eval/success_rate", 0.25 * i}, {"rollout/ep_rew_mean", -50.0 / i}},
                      1000 * i, start + absl::Seconds(i));
    if (!status.ok()) return 1;
  }
  return 0;
}
