#include "learner/run/checkpoint_names.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace armature {

std::vector<int64_t> CheckpointNumbers(const std::string& folder) {
  std::vector<int64_t> numbers;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    absl::string_view digits = name;
    int64_t number = 0;
    if (absl::ConsumePrefix(&digits, "checkpoint_") &&
        absl::ConsumeSuffix(&digits, ".safetensors") && absl::SimpleAtoi(digits, &number)) {
      numbers.push_back(number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string CheckpointPath(const std::string& folder, int64_t number) {
  return absl::StrFormat("%s/checkpoint_%06d.safetensors", folder, number);
}

}  // namespace armature
