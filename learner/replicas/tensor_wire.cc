#include "learner/replicas/tensor_wire.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace armature {
namespace {

// "critics DTYPE_FLOAT32 [5]"
std::string Describe(const v1::NamedTensor& named) {
  return absl::StrCat(named.name(), " ", v1::DType_Name(named.tensor().dtype()), " [",
                      absl::StrJoin(named.tensor().shape(), ","), "]");
}

}  // namespace

void EncodeTensors(const NamedTensors& tensors, v1::TensorList* list) {
  list->set_checksum(EncodeTensors(tensors, list->mutable_tensors()));
}

absl::StatusOr<NamedTensors> DecodeTensors(const v1::TensorList& list) {
  if (absl::Status status = CheckTensors(list.tensors(), list.checksum(), "tensors of a replica");
      !status.ok()) {
    return status;
  }
  NamedTensors tensors;
  for (const v1::NamedTensor& named : list.tensors()) {
    const v1::DType dtype = named.tensor().dtype();
    if (dtype != v1::DTYPE_FLOAT32 && dtype != v1::DTYPE_FLOAT64 && dtype != v1::DTYPE_INT64) {
      return absl::InvalidArgumentError(absl::StrCat(
          named.name(), ": dtype is ", v1::DType_Name(dtype), ", expected a float or int64"));
    }
    absl::StatusOr<at::Tensor> tensor = DecodeTensor(named, dtype);
    if (!tensor.ok()) return tensor.status();
    tensors.emplace_back(named.name(), *std::move(tensor));
  }
  return tensors;
}

void EncodeLayout(const NamedTensors& tensors, TensorMessages* layout) {
  layout->Clear();
  for (const auto& [name, tensor] : tensors) {
    v1::NamedTensor* named = layout->Add();
    named->set_name(name);
    named->mutable_tensor()->set_dtype(WireType(tensor));
    for (int64_t extent : tensor.sizes()) named->mutable_tensor()->add_shape(extent);
  }
}

absl::Status CheckLayout(const TensorMessages& layout, const NamedTensors& own,
                         absl::string_view whose) {
  TensorMessages expected;
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
  TensorMessages layout;
  EncodeLayout(tensors, &layout);
  return CheckLayout(layout, own, whose);
}

}  // namespace armature
