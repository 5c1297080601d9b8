// Reads URDF files into BodyModels. docs/urdf.md lists what is honoured, what is warned of and what
// is refused.
//
// Thread safety: free functions.
#ifndef ARMATURE_ENVSERVER_BULLET_URDF_H_
#define ARMATURE_ENVSERVER_BULLET_URDF_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "envserver/bullet/body_model.h"

namespace armature {

// Source of a link's rotational inertia.
enum class InertiaSource {
  kUrdf,
  // Inertia of the bounding box of the collision shapes, with margins: the default of Bullet's
  // Python bindings. Zero if a link has no shape.
  kCollisionBox,
};

struct UrdfOptions {
  InertiaSource inertia_source = InertiaSource::kUrdf;
  // Where "package://NAME/FILE" is also looked for, as FOLDER/NAME/FILE: before the parents of the
  // URDF file and the folders of $ROS_PACKAGE_PATH.
  std::vector<std::string> package_folders;
  bool read_looks = true;  // Whether visual geometry is read.
};

// Reads a file. Its warnings are in the model, and logged. (LoadUrdfOnce of envserver/kit keeps
// what it has read.) Returns NotFound if there is no such file; InvalidArgument, with the names of
// file and element, if it does not parse or cannot be honoured.
absl::StatusOr<std::shared_ptr<const BodyModel>> LoadUrdf(const std::string& path,
                                                          const UrdfOptions& options = {});

// Like LoadUrdf, for a text. Relative mesh paths are relative to `folder`. Logs nothing.
absl::StatusOr<std::shared_ptr<const BodyModel>> ParseUrdf(const std::string& urdf,
                                                           const std::string& folder,
                                                           const UrdfOptions& options = {});

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_URDF_H_
