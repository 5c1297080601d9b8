// Stores observation rows on a device, each field in its storage type.
//
// An observation is float32 [D]: its fields flattened and concatenated in the spec's order. Fields
// that are uint8 in the spec are stored exactly, as uint8; all others as float32 or float16 (11-bit
// mantissa, up to 65504). There is one matrix per type. Reads return float32 [n, D].
// Bounds: `rows` rows, allocated by the constructor.
// Thread safety: none; belongs to its owner.
#ifndef ARMATURE_LEARNER_REPLAY_OBSERVATION_STORE_H_
#define ARMATURE_LEARNER_REPLAY_OBSERVATION_STORE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "c10/core/Device.h"
#include "common/policy/named_tensors.h"
#include "common/spec/env_spec.h"

namespace armature {

struct ObservationField {
  int64_t size = 0;  // Columns.
  bool is_uint8 = false;
};

// The fields of `spec`'s observation, in order.
std::vector<ObservationField> ObservationFields(const EnvSpec& spec);

class ObservationStore {
 public:
  enum class FloatType { kFloat32, kFloat16 };

  ObservationStore(const std::vector<ObservationField>& fields, FloatType float_type, int64_t rows,
                   c10::Device device);

  // Checks [n, D]. Returns InvalidArgument if a value does not fit its column (names both).
  absl::Status Check(absl::Span<const float> observation) const;

  // Writes checked observations (float32 [n, D] on the CPU, n <= rows) to rows `first`, first + 1,
  // .., wrapping around after the last row.
  void Write(int64_t first, const at::Tensor& observation);

  // Reads rows `rows` (int64 [n], on the device) into `out`, float32 [n, D].
  void Read(const at::Tensor& rows, at::Tensor* out) const;
  // Reads only columns begin .. begin + size - 1, which must be in one field.
  at::Tensor ReadColumns(const at::Tensor& rows, int64_t begin, int64_t size) const;

  int64_t observation_size() const { return observation_size_; }
  static int64_t BytesPerRow(const std::vector<ObservationField>& fields, FloatType float_type);

  // "replay.observation" [rows, .] and "replay.observation_uint8" [rows, .], each if it has
  // columns: the first `rows` rows, sharing memory.
  NamedTensors State(int64_t rows) const;
  // Returns InvalidArgument if a tensor is missing or has a wrong shape or type.
  absl::Status CheckState(const std::map<std::string, at::Tensor>& state, int64_t rows) const;
  void Load(const std::map<std::string, at::Tensor>& state);  // Requires CheckState.

 private:
  // Columns from `begin` of an observation are columns from `stored_begin` of a matrix.
  struct Piece {
    int64_t begin;
    int64_t stored_begin;
    int64_t size;
    bool is_uint8;
  };

  const at::Tensor& matrix(const Piece& piece) const { return piece.is_uint8 ? bytes_ : floats_; }

  const FloatType float_type_;
  int64_t observation_size_ = 0;
  std::vector<Piece> pieces_;  // Adjacent fields of one type are merged.
  at::Tensor floats_;          // float32 or float16 [rows, .]; undefined if there is no such field.
  at::Tensor bytes_;           // uint8 [rows, .]; undefined if there is no such field.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_OBSERVATION_STORE_H_
