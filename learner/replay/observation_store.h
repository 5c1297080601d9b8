// Rows of observations on a device, each field in the type it is stored as.
//
// An observation is float32 [D], its fields flattened and joined in the spec's
// order. Fields that are uint8 in the spec are stored as uint8, exactly; the others
// as float32, or as float16 (11 bits of mantissa, up to 65504), joined in one matrix
// each. Reading gives float32 [n, D].
// Bounds: `rows` rows from the constructor on.
// Thread safety: none; its owner's.
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

// The fields of `spec`'s observation in order.
std::vector<ObservationField> ObservationFields(const EnvSpec& spec);

class ObservationStore {
 public:
  enum class FloatType { kFloat32, kFloat16 };

  ObservationStore(const std::vector<ObservationField>& fields, FloatType float_type, int64_t rows,
                   c10::Device device);

  // OK; InvalidArgument: a value that its column cannot hold (names both).
  // `observation` is [n, D].
  absl::Status Check(absl::Span<const float> observation) const;

  // Writes observations [n, D] (n <= rows), float32 on the CPU and checked, to rows
  // `first`, first + 1, .., going on at row 0 after the last.
  void Write(int64_t first, const at::Tensor& observation);

  // Rows `rows` (int64 [n], on the device) as float32 into `out` [n, D].
  void Read(const at::Tensor& rows, at::Tensor* out) const;
  // Columns begin .. begin + size - 1 only, all of one field.
  at::Tensor ReadColumns(const at::Tensor& rows, int64_t begin, int64_t size) const;

  int64_t observation_size() const { return observation_size_; }
  static int64_t BytesPerRow(const std::vector<ObservationField>& fields, FloatType float_type);

  // "replay.observation" [rows, .] and "replay.observation_uint8" [rows, .], each
  // where it has columns; the first `rows` rows, sharing memory.
  NamedTensors State(int64_t rows) const;
  // OK; InvalidArgument: one is missing, or is not of the shape and type above.
  absl::Status CheckState(const std::map<std::string, at::Tensor>& state, int64_t rows) const;
  void Load(const std::map<std::string, at::Tensor>& state);  // Requires CheckState.

 private:
  // Columns `begin` .. of an observation lie at `stored_begin` .. of a matrix.
  struct Piece {
    int64_t begin;
    int64_t stored_begin;
    int64_t size;
    bool is_uint8;
  };

  const at::Tensor& matrix(const Piece& piece) const { return piece.is_uint8 ? bytes_ : floats_; }

  const FloatType float_type_;
  int64_t observation_size_ = 0;
  std::vector<Piece> pieces_;  // Neighbouring fields of one type joined.
  at::Tensor floats_;          // float32 or float16 [rows, .]; undefined: no such field.
  at::Tensor bytes_;           // uint8 [rows, .]; undefined: no such field.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_OBSERVATION_STORE_H_
