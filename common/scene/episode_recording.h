// Keeps the running episode of a slot, so that it can be written by itself (episode_file.h): it
// begins with the scene as that was then, whatever earlier episodes changed.
//
// Data flow: messages of Watch -> EpisodeRecording -> EpisodeWriter.
// Thread safety: compatible.
// Bounds: `bytes_max` of messages; a longer episode is given up.
#ifndef ARMATURE_COMMON_SCENE_EPISODE_RECORDING_H_
#define ARMATURE_COMMON_SCENE_EPISODE_RECORDING_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/statusor.h"
#include "common/scene/scene_reader.h"
#include "proto/env_service.pb.h"

namespace armature {

class EpisodeRecording {
 public:
  explicit EpisodeRecording(int64_t bytes_max = std::numeric_limits<int64_t>::max())
      : bytes_max_(bytes_max) {}

  // The slot's next message, which `reader` has just read. A frame of episode_step 0 begins another
  // episode, in place of the one before; frames before the first one of these are not kept.
  void Add(const v1::WatchResponse& message, const SceneReader& reader);

  // Whether there is an episode whose last frame ends it.
  bool has_ended() const;
  bool empty() const { return messages_.empty() && bytes_ <= bytes_max_; }

  // Hands over the episode, scene and meshes first; then it is empty. Returns ResourceExhausted if
  // it was too long; FailedPrecondition if there is none.
  absl::StatusOr<std::vector<v1::WatchResponse>> Take();

 private:
  void Begin(const v1::WatchResponse& frame, const SceneReader& reader);
  void Keep(v1::WatchResponse message);

  const int64_t bytes_max_;
  v1::WatchResponse opened_;  // Without its scene.
  std::vector<v1::WatchResponse> messages_;
  int64_t bytes_ = 0;  // Of the episode, also once it is given up.
};

}  // namespace armature

#endif  // ARMATURE_COMMON_SCENE_EPISODE_RECORDING_H_
