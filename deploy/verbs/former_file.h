// Keeps files that the user may still want.
//
// Thread safety: free function.
#ifndef ARMATURE_DEPLOY_VERBS_FORMER_FILE_H_
#define ARMATURE_DEPLOY_VERBS_FORMER_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// Makes room for a file `path` with content `text`. An existing file with other content is renamed
// to the first free name of stem_1.ext, stem_2.ext, ... in its folder. Returns that name, or an
// empty string if nothing had to be kept.
// Returns the file system's errors, naming the path.
absl::StatusOr<std::string> KeepFormerFile(const std::string& path, absl::string_view text);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_FORMER_FILE_H_
