#ifndef ARMATURE_COMMON_CLI_AVAILABLE_CPUS_H_
#define ARMATURE_COMMON_CLI_AVAILABLE_CPUS_H_

#include <cstdint>
#include <string>

namespace armature {

// How many CPUs this process may use, at least 1: those that it may run on (affinity),
// or the time that its control group and those above it are given (cpu.max of version
// 2, cpu.cfs_quota_us of version 1) in whole CPUs, rounded up, if that is less. A
// container on a large host has few of its cores. `root`: where proc and sys are.
// Thread safety: free function.
int64_t AvailableCpus(const std::string& root = "/");

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_AVAILABLE_CPUS_H_
