#include "learner/run/saved_steps.h"

#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "learner/run/checkpoint_names.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using Json = nlohmann::json;

// As in TensorFile.
constexpr uint64_t kHeaderBytesMax = 64 << 20;

// See TensorFile for the layout and RunCheckpoint for the content.
std::optional<uint64_t> EnvStepsOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char length[sizeof(uint64_t)];
  uint64_t header_bytes = 0;
  if (!file.read(length, sizeof(length))) return std::nullopt;
  std::memcpy(&header_bytes, length, sizeof(length));
  if (header_bytes > kHeaderBytesMax) return std::nullopt;
  std::string header(header_bytes, '\0');
  if (!file.read(header.data(), static_cast<std::streamsize>(header_bytes))) return std::nullopt;
  try {
    const std::string counters = Json::parse(header).at("__metadata__").at("counters");
    return Json::parse(counters).at("env_steps").get<uint64_t>();
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

absl::StatusOr<uint64_t> SavedEnvSteps(const std::string& run_dir) {
  const std::string folder = run_dir + "/checkpoints";
  const std::vector<int64_t> numbers = CheckpointNumbers(folder);
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    if (const auto steps = EnvStepsOf(CheckpointPath(folder, *number))) return *steps;
  }
  return absl::NotFoundError(absl::StrCat("no checkpoint in ", folder));
}

}  // namespace armature
