// The recorded episodes and videos in a run's folder:
//
//   videos/step_<env_steps>.episodes  the first episode of the evaluation at that step
//   videos/step_<env_steps>.mp4       its video; made by `record --follow`
//
// Thread safety: free functions. Recordings are written atomically, so a running run can be read.
#ifndef ARMATURE_LEARNER_RUN_RUN_VIDEOS_H_
#define ARMATURE_LEARNER_RUN_RUN_VIDEOS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace armature {

inline constexpr char kVideosFolder[] = "/videos";

// <run_dir>/videos/step_<env_steps>.episodes, and .mp4
std::string RecordingPath(const std::string& run_dir, uint64_t env_steps);
std::string VideoPath(const std::string& run_dir, uint64_t env_steps);

// Returns the env steps of the recordings, ascending; empty if there is no folder.
std::vector<uint64_t> RecordingSteps(const std::string& run_dir);

// Returns the errors of WriteDurably.
absl::Status SaveRecording(const std::string& run_dir, uint64_t env_steps, absl::string_view bytes);

// Removes recordings and videos of steps that a run makes again.
void RemoveRecordingsAfter(const std::string& run_dir, uint64_t env_steps);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_VIDEOS_H_
