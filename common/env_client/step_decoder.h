// Checks a StepBatch against the spec and flattens its observation fields, in the spec's order,
// into float32 rows.
//
// Data flow: EnvSession -> StepDecoder -> TransitionCutter | TrajectoryCutter.
// Shapes: n slots of the group; D = spec.observation_size(); A components of the action, m metrics,
// E floats of goal extras and p parameters of the spec. Thread safety: const methods.
#ifndef ARMATURE_COMMON_ENV_CLIENT_STEP_DECODER_H_
#define ARMATURE_COMMON_ENV_CLIENT_STEP_DECODER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/spec/env_spec.h"
#include "proto/env_service.pb.h"

namespace armature {

// The contents of a StepBatch (proto/env_service.proto) as rows.
struct DecodedStep {
  uint32_t group = 0;
  uint64_t step = 0;
  std::vector<float> observation;   // [n, D]
  std::vector<float> reward;        // [n]
  std::vector<uint8_t> terminated;  // [n]
  std::vector<uint8_t> truncated;   // [n]
  std::vector<uint8_t> restarted;   // [n]
  std::vector<uint8_t> is_success;  // [n]
  // [k, D], for the k slots whose episode ended, in ascending order.
  std::vector<float> final_observation;
  std::vector<float> metric;           // [n, m]
  std::vector<float> goal_extra;       // [n, E]: the extra fields, flattened and joined in order.
  std::vector<double> parameter;       // [n, p]
  std::vector<float> executed_action;  // [n, A]; empty if the spec reports none.
  std::vector<std::string> fault;
  // Number of values of observation and final_observation outside the spec's bounds, and a
  // description of the first one.
  int64_t out_of_bounds = 0;
  std::string first_out_of_bounds;

  int64_t num_slots() const { return static_cast<int64_t>(reward.size()); }
  bool ended(int64_t slot) const { return terminated[slot] != 0 || truncated[slot] != 0; }
};

// The contents of a SlotRestored.
struct RestoredSlot {
  uint32_t slot = 0;
  std::vector<float> observation;  // [D]; empty if refused.
  std::string refusal;             // Empty: restored.
};

class StepDecoder {
 public:
  explicit StepDecoder(EnvSpec spec);

  // Returns InvalidArgument if `batch` breaks proto/env_service.proto's rules for a group of
  // `num_slots`; the message names field and index.
  absl::StatusOr<DecodedStep> Decode(const v1::StepBatch& batch, int64_t num_slots) const;
  // The same for the answer to RestoreState.
  absl::StatusOr<RestoredSlot> DecodeRestored(const v1::SlotRestored& restored) const;

 private:
  // Flattens one tensor per field of `specs`, [rows, field shape...], or [field shape...] without
  // `rows`, to `out`, [rows or 1, `row_size`].
  absl::Status FlattenFields(const google::protobuf::RepeatedPtrField<v1::Tensor>& fields,
                             const std::vector<FieldSpec>& specs, int64_t row_size,
                             std::optional<int64_t> rows, const std::string& name,
                             std::vector<float>* out) const;
  absl::Status ReadMetrics(const v1::StepBatch& batch, DecodedStep* step) const;
  absl::Status ReadParameters(const v1::StepBatch& batch, DecodedStep* step) const;
  absl::Status ReadExecutedAction(const v1::StepBatch& batch, DecodedStep* step) const;
  void CountOutOfBounds(const std::vector<float>& rows, DecodedStep* step) const;

  EnvSpec spec_;
  int64_t observation_size_;
  GoalSpec goal_;  // Empty without a goal.
  bool is_bounded_ = false;
  // Bounds of each column, [D]; infinite if the spec has none.
  std::vector<float> low_;
  std::vector<float> high_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_ENV_CLIENT_STEP_DECODER_H_
