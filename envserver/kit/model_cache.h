// Robot models that are read once in a process and shared by all environments.
//
// Thread safety: free function, any thread. A second caller of the same model waits for the first.
#ifndef ARMATURE_ENVSERVER_KIT_MODEL_CACHE_H_
#define ARMATURE_ENVSERVER_KIT_MODEL_CACHE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "envserver/bullet/body_model.h"
#include "envserver/bullet/urdf.h"

namespace armature {

// Like LoadUrdf, which reads the file at the first call for this path and these options. A failure
// is not kept: the next call reads again. Models stay in memory until the process ends.
absl::StatusOr<std::shared_ptr<const BodyModel>> LoadUrdfOnce(const std::string& path,
                                                              const UrdfOptions& options);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_KIT_MODEL_CACHE_H_
