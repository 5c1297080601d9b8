// How many files the process may open.
#ifndef ARMATURE_COMMON_CLI_OPEN_FILES_H_
#define ARMATURE_COMMON_CLI_OPEN_FILES_H_

#include <cstdint>

namespace armature {

// Raises the soft limit of open files (ulimit -n, often 1,024) to the hard limit, but to at most
// 1,048,576: programs that loop over all possible file descriptors, as some child processes do,
// would take too long. Call it first in main. Returns the new limit.
int64_t RaiseOpenFilesLimit();

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_OPEN_FILES_H_
