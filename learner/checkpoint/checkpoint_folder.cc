#include "learner/checkpoint/checkpoint_folder.h"

#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "learner/run/checkpoint_names.h"
#include "spdlog/spdlog.h"

namespace armature {

CheckpointFolder::CheckpointFolder(std::string path, int64_t keep)
    : path_(std::move(path)), keep_(keep) {}

absl::Status CheckpointFolder::Save(const TensorFile& content, const OnWritten& on_written) {
  const std::vector<int64_t> numbers = CheckpointNumbers(path_);
  const int64_t next = numbers.empty() ? 1 : numbers.back() + 1;
  if (absl::Status status = content.Write(CheckpointPath(path_, next), on_written); !status.ok()) {
    return status;
  }
  const int64_t surplus = static_cast<int64_t>(numbers.size()) + 1 - keep_;
  for (int64_t i = 0; i < surplus; ++i) {
    std::error_code ignored;  // If removing fails, the next Save tries again.
    std::filesystem::remove(CheckpointPath(path_, numbers[i]), ignored);
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorFile> CheckpointFolder::LoadNewest() const {
  const std::vector<int64_t> numbers = CheckpointNumbers(path_);
  if (numbers.empty()) return absl::NotFoundError(absl::StrCat("no checkpoint in ", path_));
  std::vector<std::string> damages;
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    absl::StatusOr<TensorFile> content = TensorFile::Read(CheckpointPath(path_, *number));
    if (content.ok()) return content;
    damages.emplace_back(content.status().message());
    if (std::next(number) != numbers.rend()) {
      spdlog::warn("{}; trying the checkpoint before it", damages.back());
    }
  }
  return absl::DataLossError(
      absl::StrCat("no checkpoint of the run can be read: ", absl::StrJoin(damages, "; ")));
}

}  // namespace armature
