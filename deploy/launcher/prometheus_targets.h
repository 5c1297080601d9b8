// Which processes Prometheus is to scrape: the file that its file_sd_configs reads.
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
  std::optional<int64_t> replica;  // Of learners and actors.
};

// Replaces <run_dir>/prometheus_targets.json. Labels: process, replica where there is one,
// run (run.name) and run_id, which two runs of one name do not share: that of
// <run_dir>/run.json; before that file is there, targets are left out.
// OK; Unavailable: cannot be written.
absl::Status WritePrometheusTargets(const std::string& run_dir, const std::string& run_name,
                                    const std::vector<PrometheusTarget>& targets);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROMETHEUS_TARGETS_H_
