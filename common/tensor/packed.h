// Reads and writes the wire's packed tensors (proto/tensor.proto).
//
// Thread safety: free functions on what the caller owns.
#ifndef ARMATURE_COMMON_TENSOR_PACKED_H_
#define ARMATURE_COMMON_TENSOR_PACKED_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/tensor.pb.h"

namespace armature {

// OK; InvalidArgument: dtype, shape or byte count is not as expected, or a
// floating element is NaN or infinite. The message begins with `name` and gives
// the index. An extent of -1 in `shape` accepts any.
absl::Status CheckTensor(const v1::Tensor& tensor, v1::DType dtype, absl::Span<const int64_t> shape,
                         absl::string_view name);

// As CheckTensor for uint8 [..] that may hold 0 and 1 only.
absl::Status CheckFlags(const v1::Tensor& tensor, absl::Span<const int64_t> shape,
                        absl::string_view name);

// "[12]" for element 12 of a vector, "[1,2]" of a matrix: the index of a flat
// position in a row-major shape.
std::string FormatIndex(int64_t position, absl::Span<const int64_t> shape);

// The first element that is NaN or infinite, or -1.
int64_t FindNonFinite(absl::Span<const float> values);
int64_t FindNonFinite(absl::Span<const double> values);

// Sets dtype and shape and sizes `packed`, its content zero; returns its start.
template <typename T>
T* ResizeTensor(absl::Span<const int64_t> shape, v1::Tensor* tensor);

// Copies `values` (as many as product(shape)) into the tensor.
template <typename T>
void SetTensor(absl::Span<const int64_t> shape, absl::Span<const T> values, v1::Tensor* tensor);

// The elements of a tensor that CheckTensor has accepted.
template <typename T>
absl::Span<const T> TensorValues(const v1::Tensor& tensor) {
  return absl::MakeConstSpan(reinterpret_cast<const T*>(tensor.packed().data()),
                             tensor.packed().size() / sizeof(T));
}

}  // namespace armature

#endif  // ARMATURE_COMMON_TENSOR_PACKED_H_
