// How many files the process may open.
#ifndef ARMATURE_COMMON_CLI_OPEN_FILES_H_
#define ARMATURE_COMMON_CLI_OPEN_FILES_H_

#include <cstdint>

namespace armature {

// Raises the soft limit (ulimit -n, often 1,024) to the hard one, though to no more than
// 1,048,576: programs that go through all possible files, as some of a child may, would take
// for ever. Call it first in main. Returns the limit that now holds.
int64_t RaiseOpenFilesLimit();

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_OPEN_FILES_H_
