#include "common/tensor/packed.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/spec/env_spec.h"

namespace armature {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian");

template <typename T>
constexpr v1::DType kDTypeOf = v1::DTYPE_UNSPECIFIED;
template <>
constexpr v1::DType kDTypeOf<float> = v1::DTYPE_FLOAT32;
template <>
constexpr v1::DType kDTypeOf<double> = v1::DTYPE_FLOAT64;
template <>
constexpr v1::DType kDTypeOf<int32_t> = v1::DTYPE_INT32;
template <>
constexpr v1::DType kDTypeOf<int64_t> = v1::DTYPE_INT64;
template <>
constexpr v1::DType kDTypeOf<uint8_t> = v1::DTYPE_UINT8;

template <typename T>
int64_t FindNonFiniteIn(absl::Span<const T> values) {
  // x - x is 0 only for finite x: one vectorised pass, then a search.
  T sum = 0;
  for (T value : values) sum += value - value;
  if (sum == 0) return -1;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return static_cast<int64_t>(i);
  }
  return -1;
}

std::string ShapeString(absl::Span<const int64_t> shape) {
  return absl::StrCat("[",
                      absl::StrJoin(shape, ",",
                                    [](std::string* out, int64_t extent) {
                                      absl::StrAppend(out, extent < 0 ? "n" : absl::StrCat(extent));
                                    }),
                      "]");
}

}  // namespace

std::string FormatIndex(int64_t position, absl::Span<const int64_t> shape) {
  std::vector<int64_t> index(shape.size());
  for (size_t i = shape.size(); i-- > 0;) {
    index[i] = position % shape[i];
    position /= shape[i];
  }
  return ShapeString(index);
}

int64_t FindNonFinite(absl::Span<const float> values) { return FindNonFiniteIn(values); }
int64_t FindNonFinite(absl::Span<const double> values) { return FindNonFiniteIn(values); }

absl::Status CheckTensor(const v1::Tensor& tensor, v1::DType dtype, absl::Span<const int64_t> shape,
                         absl::string_view name) {
  if (tensor.dtype() != dtype) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": dtype is ", v1::DType_Name(tensor.dtype()), ", expected ", v1::DType_Name(dtype)));
  }
  const std::vector<int64_t> actual(tensor.shape().begin(), tensor.shape().end());
  bool matches = actual.size() == shape.size();
  for (size_t i = 0; matches && i < shape.size(); ++i) {
    matches = shape[i] < 0 || shape[i] == actual[i];
  }
  if (!matches) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": shape is ", ShapeString(actual), ", expected ", ShapeString(shape)));
  }
  // Each extent is below 2^32; compute the product in 128 bits.
  __int128 elements = 1;
  constexpr __int128 kElementsMax = __int128{1} << 40;
  for (int64_t extent : actual) {
    elements *= extent;
    if (elements > kElementsMax) break;
  }
  if (elements * DTypeSize(dtype) != static_cast<__int128>(tensor.packed().size())) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", tensor.packed().size(),
                                                   " bytes do not fill shape ", ShapeString(actual),
                                                   " of ", v1::DType_Name(dtype)));
  }
  int64_t bad = -1;
  if (dtype == v1::DTYPE_FLOAT32) bad = FindNonFinite(TensorValues<float>(tensor));
  if (dtype == v1::DTYPE_FLOAT64) bad = FindNonFinite(TensorValues<double>(tensor));
  if (bad >= 0) {
    const double value = dtype == v1::DTYPE_FLOAT32 ? TensorValues<float>(tensor)[bad]
                                                    : TensorValues<double>(tensor)[bad];
    return absl::InvalidArgumentError(
        absl::StrCat(name, FormatIndex(bad, actual), " is ", value, ", expected a finite value"));
  }
  return absl::OkStatus();
}

absl::Status CheckFlags(const v1::Tensor& tensor, absl::Span<const int64_t> shape,
                        absl::string_view name) {
  if (absl::Status status = CheckTensor(tensor, v1::DTYPE_UINT8, shape, name); !status.ok()) {
    return status;
  }
  for (uint8_t value : TensorValues<uint8_t>(tensor)) {
    if (value > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": holds ", static_cast<int>(value), ", expected 0 or 1"));
    }
  }
  return absl::OkStatus();
}

template <typename T>
T* ResizeTensor(absl::Span<const int64_t> shape, v1::Tensor* tensor) {
  tensor->set_dtype(kDTypeOf<T>);
  tensor->clear_shape();
  int64_t elements = 1;
  for (int64_t extent : shape) {
    tensor->add_shape(static_cast<uint32_t>(extent));
    elements *= extent;
  }
  tensor->mutable_packed()->assign(elements * sizeof(T), '\0');
  return reinterpret_cast<T*>(&(*tensor->mutable_packed())[0]);
}

template <typename T>
void SetTensor(absl::Span<const int64_t> shape, absl::Span<const T> values, v1::Tensor* tensor) {
  T* out = ResizeTensor<T>(shape, tensor);
  if (!values.empty()) std::memcpy(out, values.data(), tensor->packed().size());
}

#define ARMATURE_INSTANTIATE(T)                                                           \
  template T* ResizeTensor<T>(absl::Span<const int64_t> shape, v1::Tensor * tensor);      \
  template void SetTensor<T>(absl::Span<const int64_t> shape, absl::Span<const T> values, \
                             v1::Tensor * tensor);
ARMATURE_INSTANTIATE(float)
ARMATURE_INSTANTIATE(double)
ARMATURE_INSTANTIATE(int32_t)
ARMATURE_INSTANTIATE(int64_t)
ARMATURE_INSTANTIATE(uint8_t)
#undef ARMATURE_INSTANTIATE

}  // namespace armature
