#include "common/cli/available_cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/files/atomic_file.h"

namespace armature {
namespace {

constexpr double kNoQuota = std::numeric_limits<double>::infinity();

int64_t AffinityCount() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) return CPU_COUNT(&cpus);
  // There are more CPUs than the mask can hold.
  return std::thread::hardware_concurrency();
}

// Returns the CPUs in a quota, e.g. "150000" of a period of "100000", in microseconds.
double Quota(absl::string_view quota_us, absl::string_view period_us) {
  double quota = 0, period = 0;
  // "max", or -1: no quota.
  if (!absl::SimpleAtod(quota_us, &quota) || !absl::SimpleAtod(period_us, &period)) return kNoQuota;
  return quota > 0 && period > 0 ? quota / period : kNoQuota;
}

// Quota of one control group, of either version.
double QuotaIn(const std::string& folder) {
  if (const auto both = ReadWholeFile(absl::StrCat(folder, "/cpu.max")); both.ok()) {
    const std::vector<std::string> words =
        absl::StrSplit(*both, absl::ByAnyChar(" \n"), absl::SkipEmpty());
    return words.size() == 2 ? Quota(words[0], words[1]) : kNoQuota;
  }
  const auto quota = ReadWholeFile(absl::StrCat(folder, "/cpu.cfs_quota_us"));
  const auto period = ReadWholeFile(absl::StrCat(folder, "/cpu.cfs_period_us"));
  return quota.ok() && period.ok() ? Quota(*quota, *period) : kNoQuota;
}

// Smallest quota of the group `path` below `mount` and of all its parent groups. In a container,
// its own group may appear at the top, whatever `path` says.
double QuotaUpFrom(const std::string& mount, std::string path) {
  double least = QuotaIn(mount);
  for (; path.size() > 1; path.resize(path.rfind('/'))) {
    least = std::min(least, QuotaIn(absl::StrCat(mount, path)));
  }
  return least;
}

}  // namespace

int64_t AvailableCpus(const std::string& root) {
  double quota = kNoQuota;
  const std::string mounts = absl::StrCat(root, "/sys/fs/cgroup");
  const auto groups = ReadWholeFile(absl::StrCat(root, "/proc/self/cgroup"));
  // "0::/path" of version 2, "4:cpu,cpuacct:/path" of version 1.
  for (const absl::string_view line :
       absl::StrSplit(groups.ok() ? absl::string_view(*groups) : "", '\n')) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || !absl::StartsWith(parts[2], "/")) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    if (parts[1].empty()) {
      quota = std::min(quota, QuotaUpFrom(mounts, parts[2]));
    } else if (absl::c_linear_search(controllers, "cpu")) {
      quota = std::min(quota, QuotaUpFrom(absl::StrCat(mounts, "/", parts[1]), parts[2]));
      quota = std::min(quota, QuotaUpFrom(absl::StrCat(mounts, "/cpu"), parts[2]));
    }
  }
  const int64_t cpus = AffinityCount();
  const double whole = std::ceil(quota);
  return std::max<int64_t>(1,
                           whole < static_cast<double>(cpus) ? static_cast<int64_t>(whole) : cpus);
}

}  // namespace armature
