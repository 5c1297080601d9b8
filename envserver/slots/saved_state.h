// The bytes of SlotState.state (proto/env_service.proto): an environment's own state with a header,
// so that another environment's state, or a damaged one, is an error and not a strange episode.
//
// Layout, little-endian: uint32 format; uint32 CRC-32C of all that follows; uint64 specification
// hash; uint64 length of the whole in bytes; uint64 steps of the episode so far; float64 sum of its
// rewards; float64 [p] parameters; the observation, field by field; the environment's bytes.
// Thread safety: free functions.
#ifndef ARMATURE_ENVSERVER_SLOTS_SAVED_STATE_H_
#define ARMATURE_ENVSERVER_SLOTS_SAVED_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/spec/env_spec.h"

namespace armature {

// Change it with the layout above.
inline constexpr uint32_t kSavedStateFormat = 1;

// A slot's episode at one moment.
struct SavedState {
  int64_t episode_steps = 0;
  double return_sum = 0;
  std::vector<double> parameters;  // In the spec's order.
  std::string observation;         // Of this moment: the fields' elements, joined in order.
  std::string env_state;           // What Env::SaveState has given.
};

std::string PackSavedState(const SavedState& state, uint64_t spec_hash);

// Returns InvalidArgument, with a message for people, if `bytes` were not packed by this format,
// are damaged, or belong to an environment with another spec than `spec`, whose hash is
// `spec_hash`.
absl::StatusOr<SavedState> ReadSavedState(absl::string_view bytes, const EnvSpec& spec,
                                          uint64_t spec_hash);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SLOTS_SAVED_STATE_H_
