// Observation fields that are a camera's picture: hard edges, no shadows, no text.
//
// Thread safety: free functions.
// Cost: without a GPU a small picture takes about as many milliseconds as there are 10,000
// triangles in the scene (docs/decisions/0022-seeing.md). All environments of a process share one
// drawing thread.
#ifndef ARMATURE_ENVSERVER_KIT_PICTURE_FIELD_H_
#define ARMATURE_ENVSERVER_KIT_PICTURE_FIELD_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/scene/scene.h"
#include "common/spec/env_spec.h"

namespace armature {

// A field of 8-bit RGB, uint8 [camera.height_px, camera.width_px, 3], top row first.
FieldSpec PictureField(absl::string_view name, const SceneCamera& camera);

// Draws the picture of `camera` into such a field. Throws std::runtime_error, with the renderer's
// message, if it cannot: the camera or the scene is malformed, or this machine has no OpenGL.
void DrawPictureField(const Scene& scene, const SceneView& view, const SceneCamera& camera,
                      absl::Span<uint8_t> field);

// Draws one picture of the scene, its bodies at the origin, and throws as DrawPictureField: what
// cannot be drawn is better found before the first step of each slot.
void TryPictureField(const Scene& scene, const SceneCamera& camera);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_KIT_PICTURE_FIELD_H_
