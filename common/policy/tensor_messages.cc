#include "common/policy/tensor_messages.h"

#include <algorithm>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/checksum/crc32c.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

uint32_t Checksum(const TensorMessages& messages) {
  uint32_t crc = 0;
  for (const v1::NamedTensor& named : messages) {
    crc = Crc32c(named.name(), crc);
    crc = Crc32c(named.tensor().packed(), crc);
  }
  return crc;
}

template <typename T>
void Encode(const at::Tensor& values, v1::Tensor* tensor) {
  SetTensor<T>(values.sizes(), absl::MakeConstSpan(values.const_data_ptr<T>(), values.numel()),
               tensor);
}

template <typename T>
at::Tensor Decode(const v1::Tensor& tensor, const std::vector<int64_t>& shape) {
  at::Tensor values = at::empty(shape, c10::CppTypeToScalarType<T>::value);
  const absl::Span<const T> packed = TensorValues<T>(tensor);
  std::copy(packed.begin(), packed.end(), values.mutable_data_ptr<T>());
  return values;
}

}  // namespace

v1::DType WireType(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kDouble) return v1::DTYPE_FLOAT64;
  if (tensor.scalar_type() == at::kLong) return v1::DTYPE_INT64;
  return v1::DTYPE_FLOAT32;
}

uint32_t EncodeTensors(const NamedTensors& tensors, TensorMessages* messages) {
  messages->Clear();
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor values = tensor.detach().cpu().contiguous();
    v1::NamedTensor* named = messages->Add();
    named->set_name(name);
    switch (WireType(values)) {
      case v1::DTYPE_FLOAT64:
        Encode<double>(values, named->mutable_tensor());
        break;
      case v1::DTYPE_INT64:
        Encode<int64_t>(values, named->mutable_tensor());
        break;
      default:
        Encode<float>(values, named->mutable_tensor());
    }
  }
  return Checksum(*messages);
}

absl::Status CheckTensors(const TensorMessages& messages, uint32_t checksum,
                          absl::string_view what) {
  const uint32_t actual = Checksum(messages);
  if (actual == checksum) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(what, ": checksum is ", actual, ", expected ", checksum));
}

absl::StatusOr<at::Tensor> DecodeTensor(const v1::NamedTensor& message, v1::DType dtype) {
  const v1::Tensor& tensor = message.tensor();
  const std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
  if (absl::Status status = CheckTensor(tensor, dtype, shape, message.name()); !status.ok()) {
    return status;
  }
  if (dtype == v1::DTYPE_FLOAT64) return Decode<double>(tensor, shape);
  if (dtype == v1::DTYPE_INT64) return Decode<int64_t>(tensor, shape);
  return Decode<float>(tensor, shape);
}

}  // namespace armature
