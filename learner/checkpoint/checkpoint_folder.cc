#include "learner/checkpoint/checkpoint_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "spdlog/spdlog.h"

namespace armature {

CheckpointFolder::CheckpointFolder(std::string path, int64_t keep)
    : path_(std::move(path)), keep_(keep) {}

absl::Status CheckpointFolder::Save(const TensorFile& content) {
  const std::vector<int64_t> numbers = Numbers();
  const int64_t next = numbers.empty() ? 1 : numbers.back() + 1;
  if (absl::Status status = content.Write(PathOf(next)); !status.ok()) return status;
  const int64_t surplus = static_cast<int64_t>(numbers.size()) + 1 - keep_;
  for (int64_t i = 0; i < surplus; ++i) {
    std::error_code ignored;  // One file too many on disk; the next Save tries again.
    std::filesystem::remove(PathOf(numbers[i]), ignored);
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorFile> CheckpointFolder::LoadNewest() const {
  const std::vector<int64_t> numbers = Numbers();
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    absl::StatusOr<TensorFile> content = TensorFile::Read(PathOf(*number));
    if (content.ok()) return content;
    spdlog::warn("{}; trying the checkpoint before it", std::string(content.status().message()));
  }
  return absl::NotFoundError(absl::StrCat("no intact checkpoint in ", path_));
}

std::vector<int64_t> CheckpointFolder::Numbers() const {
  std::vector<int64_t> numbers;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
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

std::string CheckpointFolder::PathOf(int64_t number) const {
  return absl::StrFormat("%s/checkpoint_%06d.safetensors", path_, number);
}

}  // namespace armature
