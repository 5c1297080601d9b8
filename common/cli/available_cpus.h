#ifndef ARMATURE_COMMON_CLI_AVAILABLE_CPUS_H_
#define ARMATURE_COMMON_CLI_AVAILABLE_CPUS_H_

#include <cstdint>
#include <string>

namespace armature {

// Returns how many CPUs this process may use, at least 1. This is the size of its affinity mask or
// the CPU quota of its control groups, whichever is less. The quota is the smallest one of its
// group and all parent groups (version 2: cpu.max; version 1: cpu.cfs_quota_us), rounded up to
// whole CPUs. A container on a large host may use only some of the host's cores. `root` contains
// proc and sys.
// Thread safety: free function.
int64_t AvailableCpus(const std::string& root = "/");

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_AVAILABLE_CPUS_H_
