// One episode as lines of text, and an environment's spec as a few.
//
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_VERBS_STEP_TABLE_H_
#define ARMATURE_DEPLOY_VERBS_STEP_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/spec/env_spec.h"

namespace armature {

// What is to be known of an environment before the first step: observation fields,
// action bounds, horizon, control period, rewards and goal. Ends with a newline.
std::string DescribeSpec(const EnvSpec& spec);

// Columns: step, reward, then as many as fit of the goal's fields, the action and the
// other observation fields; of each at most kElementsMax numbers.
class StepTable {
 public:
  static constexpr int64_t kElementsMax = 4;

  // `width`: characters a line may have, but for what ended the episode; at least
  // step and reward are shown.
  StepTable(const EnvSpec& spec, int64_t width);

  std::string Header() const;
  // `action` in the environment's units and `observation`, [D], that it led to; at
  // step 0 there is no action and no reward. `ended`: "terminated", say.
  std::string Row(uint64_t step, double reward, absl::Span<const float> action,
                  absl::Span<const float> observation, absl::string_view ended) const;

 private:
  struct Column {
    std::string title;
    bool is_action = false;
    int64_t begin = 0;  // In the flattened observation.
    int64_t size = 0;
    int64_t width = 0;
  };
  std::vector<Column> columns_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_STEP_TABLE_H_
