// Formats an episode, and an environment's spec, as lines of text.
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

// Describes an environment before the first step: observation fields, action bounds, horizon,
// control period, rewards and goal. Ends with a newline.
std::string DescribeSpec(const EnvSpec& spec);

// Columns: step, reward, then as many as fit of the goal's fields, the action and the other
// observation fields; at most kElementsMax numbers of each.
class StepTable {
 public:
  static constexpr int64_t kElementsMax = 4;

  // `width` is the maximum number of characters per line, without the word for how the episode
  // ended. Step and reward are always shown.
  StepTable(const EnvSpec& spec, int64_t width);

  std::string Header() const;
  // Formats `action`, in the environment's units, and the `observation`, [D], after it. Step 0 has
  // no action and no reward. `ended` is e.g. "terminated".
  std::string Row(uint64_t step, double reward, absl::Span<const float> action,
                  absl::Span<const float> observation, absl::string_view ended) const;

 private:
  struct Column {
    std::string title;
    bool is_action = false;
    int64_t begin = 0;  // Index in the flattened observation.
    int64_t size = 0;
    int64_t width = 0;
  };
  std::vector<Column> columns_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_STEP_TABLE_H_
