// Writes the list of processes for Prometheus to scrape, in the format of file_sd_configs.
//
// Thread safety: free functions.
#ifndef ARMATURE_DEPLOY_LAUNCHER_PROMETHEUS_TARGETS_H_
#define ARMATURE_DEPLOY_LAUNCHER_PROMETHEUS_TARGETS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace armature {

struct PrometheusTarget {
  std::string process;             // "actor-0"
  std::string address;             // "127.0.0.1:9101"
  std::optional<int64_t> replica;  // Only for learners and actors.
};

// Replaces <run_dir>/prometheus_targets.json. Labels: process; replica, if any; run (run.name); and
// run_id from <run_dir>/run.json, which differs between runs of the same name. Before run.json
// exists, the list is empty.
// Returns Unavailable if the file cannot be written.
absl::Status WritePrometheusTargets(const std::string& run_dir, const std::string& run_name,
                                    const std::vector<PrometheusTarget>& targets);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROMETHEUS_TARGETS_H_
