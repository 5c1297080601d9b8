#include "learner/run/files_by_step.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace armature {

std::vector<uint64_t> FilesByStep(const std::string& folder, absl::string_view prefix,
                                  absl::string_view ending) {
  std::vector<uint64_t> steps;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    absl::string_view digits = name;
    uint64_t step = 0;
    if (absl::ConsumePrefix(&digits, prefix) && absl::ConsumeSuffix(&digits, ending) &&
        absl::SimpleAtoi(digits, &step)) {
      steps.push_back(step);
    }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

}  // namespace armature
