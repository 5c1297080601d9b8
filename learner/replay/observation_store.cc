#include "learner/replay/observation_store.h"

#include <algorithm>
#include <cmath>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace armature {
namespace {

constexpr char kFloats[] = "replay.observation";
constexpr char kBytes[] = "replay.observation_uint8";
constexpr float kFloat16Max = 65504;

int64_t FloatBytes(ObservationStore::FloatType type) {
  return type == ObservationStore::FloatType::kFloat16 ? 2 : 4;
}

absl::Status CheckMatrix(const std::map<std::string, at::Tensor>& state, const std::string& name,
                         const at::Tensor& matrix, int64_t rows) {
  if (!matrix.defined()) return absl::OkStatus();
  const auto found = state.find(name);
  if (found == state.end()) {
    return absl::InvalidArgumentError(absl::StrCat("state has no ", name));
  }
  const at::Tensor& saved = found->second;
  if (saved.scalar_type() == matrix.scalar_type() && saved.dim() == 2 && saved.size(0) == rows &&
      saved.size(1) == matrix.size(1)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is ", c10::toString(saved.scalar_type()), " [", absl::StrJoin(saved.sizes(), ","),
      "], expected ", c10::toString(matrix.scalar_type()), " [", rows, ",", matrix.size(1), "]"));
}

}  // namespace

std::vector<ObservationField> ObservationFields(const EnvSpec& spec) {
  std::vector<ObservationField> fields;
  for (const FieldSpec& field : spec.observation) {
    fields.push_back({field.size(), field.dtype == v1::DTYPE_UINT8});
  }
  return fields;
}

ObservationStore::ObservationStore(const std::vector<ObservationField>& fields,
                                   FloatType float_type, int64_t rows, c10::Device device)
    : float_type_(float_type) {
  int64_t floats = 0;
  int64_t bytes = 0;
  for (const ObservationField& field : fields) {
    int64_t& stored = field.is_uint8 ? bytes : floats;
    if (!pieces_.empty() && pieces_.back().is_uint8 == field.is_uint8) {
      pieces_.back().size += field.size;
    } else {
      pieces_.push_back({observation_size_, stored, field.size, field.is_uint8});
    }
    stored += field.size;
    observation_size_ += field.size;
  }
  const at::ScalarType type = float_type == FloatType::kFloat16 ? at::kHalf : at::kFloat;
  const at::TensorOptions options = at::TensorOptions().device(device);
  if (floats > 0) floats_ = at::empty({rows, floats}, options.dtype(type));
  if (bytes > 0) bytes_ = at::empty({rows, bytes}, options.dtype(at::kByte));
}

int64_t ObservationStore::BytesPerRow(const std::vector<ObservationField>& fields,
                                      FloatType float_type) {
  int64_t bytes = 0;
  for (const ObservationField& field : fields) {
    bytes += field.size * (field.is_uint8 ? 1 : FloatBytes(float_type));
  }
  return bytes;
}

absl::Status ObservationStore::Check(absl::Span<const float> observation) const {
  const int64_t count = static_cast<int64_t>(observation.size()) / observation_size_;
  for (const Piece& piece : pieces_) {
    if (!piece.is_uint8 && float_type_ == FloatType::kFloat32) continue;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t j = piece.begin; j < piece.begin + piece.size; ++j) {
        const float value = observation[i * observation_size_ + j];
        if (piece.is_uint8 ? value >= 0 && value <= 255 && std::floor(value) == value
                           : std::abs(value) <= kFloat16Max) {
          continue;
        }
        return absl::InvalidArgumentError(absl::StrCat("observation[", i, ",", j, "] is ", value,
                                                       piece.is_uint8
                                                           ? ", not a uint8"
                                                           : ", beyond float16's 65504; set "
                                                             "replay.observation_type=float32"));
      }
    }
  }
  return absl::OkStatus();
}

void ObservationStore::Write(int64_t first, const at::Tensor& observation) {
  const int64_t rows = matrix(pieces_.front()).size(0);
  const int64_t count = observation.size(0);
  const int64_t before_end = std::min(count, rows - first);
  for (const Piece& piece : pieces_) {
    const at::Tensor source = observation.narrow(1, piece.begin, piece.size);
    const at::Tensor columns = matrix(piece).narrow(1, piece.stored_begin, piece.size);
    columns.narrow(0, first, before_end).copy_(source.narrow(0, 0, before_end));
    if (before_end < count) {
      columns.narrow(0, 0, count - before_end)
          .copy_(source.narrow(0, before_end, count - before_end));
    }
  }
}

void ObservationStore::Read(const at::Tensor& rows, at::Tensor* out) const {
  if (pieces_.size() == 1 && floats_.defined() && float_type_ == FloatType::kFloat32) {
    at::index_select_out(*out, floats_, 0, rows);
    return;
  }
  at::Tensor floats;
  at::Tensor bytes;
  if (floats_.defined()) floats = floats_.index_select(0, rows);
  if (bytes_.defined()) bytes = bytes_.index_select(0, rows);
  for (const Piece& piece : pieces_) {
    out->narrow(1, piece.begin, piece.size)
        .copy_((piece.is_uint8 ? bytes : floats).narrow(1, piece.stored_begin, piece.size));
  }
}

at::Tensor ObservationStore::ReadColumns(const at::Tensor& rows, int64_t begin,
                                         int64_t size) const {
  const auto piece = std::find_if(pieces_.begin(), pieces_.end(), [begin](const Piece& candidate) {
    return begin < candidate.begin + candidate.size;
  });
  return matrix(*piece)
      .narrow(1, piece->stored_begin + begin - piece->begin, size)
      .index_select(0, rows)
      .to(at::kFloat);
}

NamedTensors ObservationStore::State(int64_t rows) const {
  NamedTensors state;
  if (floats_.defined()) state.emplace_back(kFloats, floats_.narrow(0, 0, rows));
  if (bytes_.defined()) state.emplace_back(kBytes, bytes_.narrow(0, 0, rows));
  return state;
}

absl::Status ObservationStore::CheckState(const std::map<std::string, at::Tensor>& state,
                                          int64_t rows) const {
  if (absl::Status status = CheckMatrix(state, kFloats, floats_, rows); !status.ok()) return status;
  return CheckMatrix(state, kBytes, bytes_, rows);
}

void ObservationStore::Load(const std::map<std::string, at::Tensor>& state) {
  auto load = [&state](const char* name, const at::Tensor& matrix) {
    if (!matrix.defined()) return;
    const at::Tensor& saved = state.at(name);
    matrix.narrow(0, 0, saved.size(0)).copy_(saved);
  };
  load(kFloats, floats_);
  load(kBytes, bytes_);
}

}  // namespace armature
