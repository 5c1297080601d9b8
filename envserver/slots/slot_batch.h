// The StepBatch that the slots of a group write, one row each; allocated once.
//
// Thread safety: rows are independent; use everything else from one thread at a time.
// Shapes: n slots; A components of the action, m metrics, E floats of goal extras and p parameters
// of the spec.
#ifndef ARMATURE_ENVSERVER_SLOTS_SLOT_BATCH_H_
#define ARMATURE_ENVSERVER_SLOTS_SLOT_BATCH_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/spec/env_spec.h"
#include "envserver/env/env.h"
#include "proto/env_service.pb.h"

namespace armature {

struct SlotBatch {
  SlotBatch(const EnvSpec& spec, int64_t size);
  SlotBatch(const SlotBatch&) = delete;
  SlotBatch& operator=(const SlotBatch&) = delete;

  // Sets all that a step reports, beside the observation and the parameters, to 0.
  void ClearRow(int64_t row);
  // Copies a row of a batch of the same spec.
  void CopyRow(SlotBatch& from, int64_t row);

  absl::Span<float> metric_row(int64_t row) { return {metric + row * metrics, metrics}; }  // [m]
  absl::Span<double> parameter_row(int64_t row) {                                          // [p]
    return {parameter + row * parameters, parameters};
  }
  // [A]; empty if the spec reports no executed action.
  absl::Span<float> executed_row(int64_t row) {
    return {executed_action + row * executed_size, executed_size};
  }
  // Writes a row of every goal extra; `extra` is [E], joined in the spec's order.
  void SetExtra(int64_t row, absl::Span<const float> extra);

  v1::RolloutResponse response;
  std::vector<Observation> observation;  // One per row, inside `response`.
  float* reward;                         // [n]; these pointers all point into `response`.
  uint8_t* terminated;
  uint8_t* truncated;
  uint8_t* restarted;
  uint8_t* is_success;
  float* metric = nullptr;  // [n, m]
  size_t metrics;           // m
  struct Extra {
    float* start;  // [n, size]
    int64_t size;
  };
  std::vector<Extra> extras;         // One per goal extra.
  double* parameter = nullptr;       // [n, p]
  size_t parameters;                 // p
  float* executed_action = nullptr;  // [n, A]
  size_t executed_size;              // A; 0 if the spec reports none.
};

// Resizes `tensor` to [rows, field shape...], filled with zeros; without `rows` for -1. Returns its
// first byte.
uint8_t* ResizeField(const FieldSpec& field, int64_t rows, v1::Tensor* tensor);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SLOTS_SLOT_BATCH_H_
