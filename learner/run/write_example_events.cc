// Writes what read_events.py expects into the given folder: the events of a run that was killed
// after 4000 steps and continued from its checkpoint at 2000.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>

#include "learner/run/event_writer.h"
#include "learner/run/run_directory.h"

namespace armature {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1700000000);
const std::map<std::string, std::string> kSettings = {
    {"algorithm.name", "sac"}, {"algorithm.sac.gamma", "0.95"}, {"replay.hindsight", "false"}};

absl::Status WritePoints(RunDirectory* directory, int first, int last, double scale) {
  absl::Status status;
  for (int i = first; i <= last; ++i) {
    status.Update(directory->LogProgress(
        {{"eval/success_rate", 0.25 * (i - 1) * scale}, {"rollout/ep_rew_mean", -50.0 / i * scale}},
        1000 * static_cast<uint64_t>(i), i, kStart + absl::Seconds(i)));
  }
  return status;
}

absl::Status WriteRun(const std::string& path) {
  auto killed = RunDirectory::Open(path);
  if (!killed.ok()) return killed.status();
  absl::Status status = (*killed)->WriteEvents(kStart);
  status.Update((*killed)->LogSettings(kSettings, kStart));
  status.Update(WritePoints(killed->get(), 1, 4, 1));
  killed->reset();
  auto resumed = RunDirectory::Open(path);
  if (!resumed.ok()) return resumed.status();
  status.Update((*resumed)->WriteEvents(kStart + absl::Seconds(10)));
  status.Update((*resumed)->LogSettings(kSettings, kStart + absl::Seconds(10)));
  status.Update((*resumed)->GoOnFrom(2000));
  status.Update(WritePoints(resumed->get(), 3, 3, 2));
  status.Update((*resumed)->WriteResult({}));
  std::filesystem::create_directory(path + "/videos");
  EventWriter videos(path + "/videos", kStart);
  status.Update(videos.AppendImage("evaluation", "GIF89a and more", 4, 3, 2000, kStart));
  return status;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_example_events FOLDER\n");
    return 2;
  }
  return armature::WriteRun(argv[1]).ok() ? 0 : 1;
}
