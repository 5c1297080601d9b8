#include "common/cli/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace armature {

int64_t RaiseOpenFilesLimit() {
  constexpr rlim_t kFilesMax = 1 << 20;
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = std::min(limit.rlim_max, kFilesMax);
  if (limit.rlim_cur < wanted) {
    const rlimit raised = {wanted, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return static_cast<int64_t>(limit.rlim_cur);
}

}  // namespace armature
