// Where to look from: when nobody has said, and when the camera follows a body.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_RENDER_FRAMING_H_
#define ARMATURE_COMMON_RENDER_FRAMING_H_

#include "absl/status/statusor.h"
#include "common/scene/scene.h"

namespace armature {

// A camera, named "default", that has all of the scene in its picture: from the front right (+x,
// -y), a little above. Planes, height fields and markers do not count, since they may reach far; a
// scene of nothing else is seen by SceneCamera's own default. The view has a pose for each body.
SceneCamera FrameScene(const Scene& scene, const SceneView& view);

// `camera` as it stands in the world now: one that tracks a body is moved with it, others are as
// they were. The view has a pose for each body. Returns InvalidArgument, naming the bodies there
// are, if the scene has none of that name.
absl::StatusOr<SceneCamera> PlaceCamera(const Scene& scene, const SceneView& view,
                                        const SceneCamera& camera);

}  // namespace armature

#endif  // ARMATURE_COMMON_RENDER_FRAMING_H_
