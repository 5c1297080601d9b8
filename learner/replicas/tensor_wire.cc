#include "learner/replicas/tensor_wire.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "common/checksum/crc32c.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

using Layout = google::protobuf::RepeatedPtrField<v1::NamedTensor>;

uint32_t Checksum(const v1::TensorList& list) {
  uint32_t crc = 0;
  for (const v1::NamedTensor& named : list.tensors()) {
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

v1::DType WireType(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kDouble) return v1::DTYPE_FLOAT64;
  if (tensor.scalar_type() == at::kLong) return v1::DTYPE_INT64;
  return v1::DTYPE_FLOAT32;
}

// "critics DTYPE_FLOAT32 [5]"
std::string Describe(const v1::NamedTensor& named) {
  return absl::StrCat(named.name(), " ", v1::DType_Name(named.tensor().dtype()), " [",
                      absl::StrJoin(named.tensor().shape(), ","), "]");
}

}  // namespace

void EncodeTensors(const NamedTensors& tensors, v1::TensorList* list) {
  list->clear_tensors();
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor values = tensor.detach().cpu().contiguous();
    v1::NamedTensor* named = list->add_tensors();
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
  list->set_checksum(Checksum(*list));
}

absl::StatusOr<NamedTensors> DecodeTensors(const v1::TensorList& list) {
  if (const uint32_t checksum = Checksum(list); checksum != list.checksum()) {
    return absl::DataLossError(absl::StrCat("tensors of a replica: checksum is ", checksum,
                                            ", expected ", list.checksum()));
  }
  NamedTensors tensors;
  for (const v1::NamedTensor& named : list.tensors()) {
    const v1::Tensor& tensor = named.tensor();
    const v1::DType dtype = tensor.dtype();
    const std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
    if (dtype != v1::DTYPE_FLOAT32 && dtype != v1::DTYPE_FLOAT64 && dtype != v1::DTYPE_INT64) {
      return absl::InvalidArgumentError(absl::StrCat(
          named.name(), ": dtype is ", v1::DType_Name(dtype), ", expected a float or int64"));
    }
    if (absl::Status status = CheckTensor(tensor, dtype, shape, named.name()); !status.ok()) {
      return status;
    }
    tensors.emplace_back(named.name(), dtype == v1::DTYPE_FLOAT32 ? Decode<float>(tensor, shape)
                                       : dtype == v1::DTYPE_FLOAT64
                                           ? Decode<double>(tensor, shape)
                                           : Decode<int64_t>(tensor, shape));
  }
  return tensors;
}

void EncodeLayout(const NamedTensors& tensors, Layout* layout) {
  layout->Clear();
  for (const auto& [name, tensor] : tensors) {
    v1::NamedTensor* named = layout->Add();
    named->set_name(name);
    named->mutable_tensor()->set_dtype(WireType(tensor));
    for (int64_t extent : tensor.sizes()) named->mutable_tensor()->add_shape(extent);
  }
}

absl::Status CheckLayout(const Layout& layout, const NamedTensors& own, absl::string_view whose) {
  Layout expected;
  EncodeLayout(own, &expected);
  for (int i = 0; i < std::max(layout.size(), expected.size()); ++i) {
    const std::string has = i < layout.size() ? Describe(layout[i]) : "nothing";
    const std::string wants = i < expected.size() ? Describe(expected[i]) : "nothing";
    if (has != wants) {
      return absl::FailedPreconditionError(
          absl::StrCat(whose, ": tensor ", i, " is ", has, ", expected ", wants));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLayout(const NamedTensors& tensors, const NamedTensors& own,
                         absl::string_view whose) {
  Layout layout;
  EncodeLayout(tensors, &layout);
  return CheckLayout(layout, own, whose);
}

}  // namespace armature
