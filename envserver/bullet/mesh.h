// Reads mesh files as triangles: Wavefront OBJ, STL (binary and text) and COLLADA (DAE).
//
// Only positions and faces are read. COLLADA's nodes, unit and up axis are applied: z is up, m.
// Thread safety: free functions.
#ifndef ARMATURE_ENVSERVER_BULLET_MESH_H_
#define ARMATURE_ENVSERVER_BULLET_MESH_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/scene/scene.h"

namespace armature {

// Returns InvalidArgument, with the file's name, if it is of another format, does not parse, or has
// no faces. The mesh's name is `path`.
absl::StatusOr<std::shared_ptr<const SceneMesh>> LoadMesh(const std::string& path);

// As LoadMesh, for the text of a COLLADA file.
absl::StatusOr<SceneMesh> ParseCollada(const std::string& text);

// Where a mesh named in a URDF is. "package://NAME/FILE" (and "model://"): FOLDER/NAME/FILE of
// `package_folders`, of each parent of `folder`, or of $ROS_PACKAGE_PATH; FOLDER/FILE where FOLDER
// is a parent whose package.xml names NAME; or $AMENT_PREFIX_PATH/share/NAME/FILE. "file://FILE":
// FILE. Anything else is relative to `folder`.
// Returns NotFound, with all that was tried.
absl::StatusOr<std::string> FindMesh(absl::string_view name, const std::string& folder,
                                     const std::vector<std::string>& package_folders);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_MESH_H_
