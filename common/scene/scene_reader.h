// Follows one slot by the messages of Watch, as they come from an env server or from a recorded
// episode (episode_file.h).
//
// Thread safety: compatible. A scene that was handed out does not change.
#ifndef ARMATURE_COMMON_SCENE_SCENE_READER_H_
#define ARMATURE_COMMON_SCENE_SCENE_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/scene/scene.h"
#include "common/scene/slot_frame.h"
#include "common/spec/env_spec.h"
#include "proto/env_service.pb.h"

namespace armature {

class SceneReader {
 public:
  // Takes the next message. Returns whether it was a frame, which frame() then is; InvalidArgument,
  // naming the field, if it breaks the rules of proto/env_service.proto or scene.proto. After an
  // error, call nothing more.
  absl::StatusOr<bool> Read(const v1::WatchResponse& message);

  // After the first `opened`:
  const EnvSpec& spec() const { return *spec_; }
  // After the first frame:
  const SlotFrame& frame() const { return frame_; }

 private:
  absl::Status ReadOpened(const v1::WatchOpened& opened);
  absl::Status ReadMesh(const v1::Mesh& message);
  absl::Status ReadFrame(const v1::PoseFrame& message);
  absl::Status ReadChangedShapes(const v1::PoseFrame& message);

  std::optional<EnvSpec> spec_;
  std::shared_ptr<Scene> scene_;  // Shared with frames once complete; then replaced, not changed.
  SlotFrame frame_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_SCENE_SCENE_READER_H_
