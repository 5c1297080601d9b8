// Finds robot models. They are fetched at build time and never committed.
//
// Thread safety: free function; reads the environment and the file system.
#ifndef ARMATURE_ENVSERVER_BULLET_MODEL_FOLDER_H_
#define ARMATURE_ENVSERVER_BULLET_MODEL_FOLDER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// Returns the folder of model `name`: the first of these that exists:
//   $ARMATURE_MODELS/NAME,
//   RUNFILES/`runfiles_path`, where RUNFILES is $RUNFILES_DIR, $TEST_SRCDIR or
//   EXECUTABLE.runfiles,
//   EXECUTABLE_DIR/../models/NAME (the relocatable bundle).
// Returns NotFound if none exists; the message lists all that were tried.
absl::StatusOr<std::string> FindModelFolder(absl::string_view name,
                                            absl::string_view runfiles_path);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_MODEL_FOLDER_H_
