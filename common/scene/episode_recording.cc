#include "common/scene/episode_recording.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/scene/scene_messages.h"

namespace armature {

void EpisodeRecording::Add(const v1::WatchResponse& message, const SceneReader& reader) {
  if (message.has_opened()) {
    opened_ = message;
    opened_.mutable_opened()->clear_scene();
  }
  if (!message.has_frame()) return;
  if (message.frame().episode_step() == 0) return Begin(message, reader);
  if (!empty()) Keep(message);
}

void EpisodeRecording::Begin(const v1::WatchResponse& frame, const SceneReader& reader) {
  messages_.clear();
  bytes_ = 0;
  const Scene& scene = *reader.frame().scene;
  v1::WatchResponse opened = opened_;
  *opened.mutable_opened()->mutable_scene() = SceneMessage(scene);
  Keep(std::move(opened));
  for (const std::shared_ptr<const SceneMesh>& mesh : MeshesOf(scene)) {
    v1::WatchResponse message;
    *message.mutable_mesh() = MeshMessage(*mesh);
    Keep(std::move(message));
  }
  v1::WatchResponse first = frame;
  first.mutable_frame()->clear_changed_shape();  // They are in the scene.
  first.mutable_frame()->clear_changed_index();
  Keep(std::move(first));
}

void EpisodeRecording::Keep(v1::WatchResponse message) {
  bytes_ += static_cast<int64_t>(message.ByteSizeLong());
  if (bytes_ > bytes_max_) return messages_.clear();
  messages_.push_back(std::move(message));
}

bool EpisodeRecording::has_ended() const {
  if (messages_.empty()) return false;
  const v1::PoseFrame& last = messages_.back().frame();
  return last.terminated() || last.truncated();
}

absl::StatusOr<std::vector<v1::WatchResponse>> EpisodeRecording::Take() {
  if (bytes_ > bytes_max_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the episode takes more than ", bytes_max_ >> 20, " MiB"));
  }
  if (messages_.empty()) return absl::FailedPreconditionError("nothing was recorded");
  return std::exchange(messages_, {});
}

}  // namespace armature
