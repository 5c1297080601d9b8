#include "envserver/slots/saved_state.h"

#include <cmath>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/checksum/crc32c.h"

namespace armature {
namespace {

constexpr size_t kCheckedFrom = 2 * sizeof(uint32_t);  // The checksum is of what comes from here.
constexpr size_t kHeaderBytes = kCheckedFrom + 3 * sizeof(uint64_t) + sizeof(double);

template <typename T>
void Append(T value, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Removes the first value from `bytes`, which has one.
template <typename T>
T TakeFirst(absl::string_view* bytes) {
  T value;
  std::memcpy(&value, bytes->data(), sizeof(value));
  bytes->remove_prefix(sizeof(value));
  return value;
}

absl::Status CheckHeader(absl::string_view bytes, uint64_t spec_hash) {
  if (bytes.size() < kHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the state has ", bytes.size(), " bytes, expected at least ", kHeaderBytes));
  }
  absl::string_view rest = bytes;
  if (const auto format = TakeFirst<uint32_t>(&rest); format != kSavedStateFormat) {
    return absl::InvalidArgumentError(
        absl::StrCat("the state is of format ", format, ", expected ", kSavedStateFormat));
  }
  const auto checksum = TakeFirst<uint32_t>(&rest);
  const auto hash = TakeFirst<uint64_t>(&rest);
  const auto length = TakeFirst<uint64_t>(&rest);
  if (length != bytes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the state has ", bytes.size(), " bytes, but was saved with ", length));
  }
  if (checksum != Crc32c(bytes.substr(kCheckedFrom))) {
    return absl::InvalidArgumentError("the state is damaged: its CRC-32C differs");
  }
  if (hash != spec_hash) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the state is of an environment with spec hash %016x, expected %016x: "
                        "another environment, version or env_config",
                        hash, spec_hash));
  }
  return absl::OkStatus();
}

}  // namespace

std::string PackSavedState(const SavedState& state, uint64_t spec_hash) {
  std::string bytes;
  const size_t length = kHeaderBytes + state.parameters.size() * sizeof(double) +
                        state.observation.size() + state.env_state.size();
  bytes.reserve(length);
  Append(kSavedStateFormat, &bytes);
  Append(uint32_t{0}, &bytes);
  Append(spec_hash, &bytes);
  Append(uint64_t{length}, &bytes);
  Append(static_cast<uint64_t>(state.episode_steps), &bytes);
  Append(state.return_sum, &bytes);
  for (double value : state.parameters) Append(value, &bytes);
  bytes += state.observation;
  bytes += state.env_state;
  const uint32_t checksum = Crc32c(absl::string_view(bytes).substr(kCheckedFrom));
  std::memcpy(&bytes[sizeof(kSavedStateFormat)], &checksum, sizeof(checksum));
  return bytes;
}

absl::StatusOr<SavedState> ReadSavedState(absl::string_view bytes, const EnvSpec& spec,
                                          uint64_t spec_hash) {
  if (absl::Status status = CheckHeader(bytes, spec_hash); !status.ok()) return status;
  const auto damaged = [] {
    return absl::InvalidArgumentError("the state was not written by an env server");
  };
  absl::string_view rest = bytes.substr(kCheckedFrom + 2 * sizeof(uint64_t));
  size_t observation_bytes = 0;
  for (const FieldSpec& field : spec.observation) observation_bytes += field.bytes();
  SavedState state;
  state.episode_steps = TakeFirst<int64_t>(&rest);
  state.return_sum = TakeFirst<double>(&rest);
  if (state.episode_steps < 0 || !std::isfinite(state.return_sum) ||
      (spec.horizon > 0 && state.episode_steps >= spec.horizon) ||
      rest.size() < spec.parameters.size() * sizeof(double) + observation_bytes) {
    return damaged();
  }
  for (const ParameterSpec& parameter : spec.parameters) {
    const auto value = TakeFirst<double>(&rest);
    if (!(value >= parameter.low && value <= parameter.high)) return damaged();
    state.parameters.push_back(value);
  }
  state.observation = std::string(rest.substr(0, observation_bytes));
  state.env_state = std::string(rest.substr(observation_bytes));
  return state;
}

}  // namespace armature
