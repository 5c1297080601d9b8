#include "learner/run/run_videos.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/files/atomic_file.h"
#include "learner/run/files_by_step.h"
#include "learner/run/run_folder.h"

namespace armature {
namespace {

constexpr char kPrefix[] = "step_";
constexpr char kRecording[] = ".episodes";

std::string PathOf(const std::string& run_dir, uint64_t env_steps, absl::string_view ending) {
  return absl::StrCat(run_dir, kVideosFolder, "/", kPrefix, env_steps, ending);
}

}  // namespace

std::string RecordingPath(const std::string& run_dir, uint64_t env_steps) {
  return PathOf(run_dir, env_steps, kRecording);
}

std::string VideoPath(const std::string& run_dir, uint64_t env_steps) {
  return PathOf(run_dir, env_steps, ".mp4");
}

std::vector<uint64_t> RecordingSteps(const std::string& run_dir) {
  return FilesByStep(run_dir + kVideosFolder, kPrefix, kRecording);
}

absl::Status SaveRecording(const std::string& run_dir, uint64_t env_steps,
                           absl::string_view bytes) {
  if (const auto folder = MakeFolder(run_dir + kVideosFolder); !folder.ok()) {
    return folder.status();
  }
  return WriteDurably(RecordingPath(run_dir, env_steps), bytes);
}

void RemoveRecordingsAfter(const std::string& run_dir, uint64_t env_steps) {
  for (const uint64_t step : RecordingSteps(run_dir)) {
    if (step <= env_steps) continue;
    std::error_code ignored;
    std::filesystem::remove(RecordingPath(run_dir, step), ignored);
    std::filesystem::remove(VideoPath(run_dir, step), ignored);
  }
}

}  // namespace armature
