// Scenes and frames of slots as the messages of proto/scene.proto.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_SCENE_SCENE_MESSAGES_H_
#define ARMATURE_COMMON_SCENE_SCENE_MESSAGES_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "common/scene/scene.h"
#include "common/scene/slot_frame.h"
#include "proto/scene.pb.h"

namespace armature {

// Numbers of a row of PoseFrame.pose (position, quaternion) and .contact (position, normal, force).
inline constexpr int kPoseSize = 7;
inline constexpr int kContactSize = 7;

v1::Scene SceneMessage(const Scene& scene);
v1::Mesh MeshMessage(const SceneMesh& mesh);
// Returns each mesh that the scene names, once.
std::vector<std::shared_ptr<const SceneMesh>> MeshesOf(const Scene& scene);

// Writes a frame; shapes whose size or colour differs from `sent`, the scene that the viewer has,
// are listed as changed.
// Returns Internal if a value is not finite; FailedPrecondition if the bodies or shapes are not
// those of `sent`.
absl::Status WriteFrame(const SlotFrame& frame, const Scene& sent, v1::PoseFrame* out);

}  // namespace armature

#endif  // ARMATURE_COMMON_SCENE_SCENE_MESSAGES_H_
