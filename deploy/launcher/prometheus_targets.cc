#include "deploy/launcher/prometheus_targets.h"

#include "absl/strings/str_cat.h"
#include "common/files/atomic_file.h"
#include "learner/run/run_finder.h"
#include "nlohmann/json.hpp"

namespace armature {

absl::Status WritePrometheusTargets(const std::string& run_dir, const std::string& run_name,
                                    const std::vector<PrometheusTarget>& targets) {
  nlohmann::json groups = nlohmann::json::array();
  const std::string run_id = RunIdOf(run_dir);
  if (!run_id.empty()) {
    for (const PrometheusTarget& target : targets) {
      nlohmann::json labels = {{"process", target.process}, {"run", run_name}, {"run_id", run_id}};
      if (target.replica) labels["replica"] = absl::StrCat(*target.replica);
      groups.push_back({{"targets", {target.address}}, {"labels", labels}});
    }
  }
  return WriteDurably(run_dir + "/prometheus_targets.json", groups.dump(2) + "\n");
}

}  // namespace armature
