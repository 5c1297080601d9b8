// Files that a user may have wanted to keep.
//
// Thread safety: free function.
#ifndef ARMATURE_DEPLOY_VERBS_FORMER_FILE_H_
#define ARMATURE_DEPLOY_VERBS_FORMER_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// Makes room at `path` for `text`: what is there and is other goes to the first free name of
// stem_1.ext, stem_2.ext, ... beside it. That name; empty: nothing had to be kept.
// Errors: as the file system says, naming the path.
absl::StatusOr<std::string> KeepFormerFile(const std::string& path, absl::string_view text);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_FORMER_FILE_H_
