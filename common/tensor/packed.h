// Reads and writes the wire's packed tensors (proto/tensor.proto).
//
// Thread safety: free functions on data that the caller owns.
#ifndef ARMATURE_COMMON_TENSOR_PACKED_H_
#define ARMATURE_COMMON_TENSOR_PACKED_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/tensor.pb.h"

namespace armature {

// Returns InvalidArgument if dtype, shape or byte count is not as expected, or a floating-point
// element is NaN or infinite. The message begins with `name` and gives the index. An extent of -1
// in `shape` accepts any size.
absl::Status CheckTensor(const v1::Tensor& tensor, v1::DType dtype, absl::Span<const int64_t> shape,
                         absl::string_view name);

// Like CheckTensor, for uint8 tensors whose elements must be 0 or 1.
absl::Status CheckFlags(const v1::Tensor& tensor, absl::Span<const int64_t> shape,
                        absl::string_view name);

// Formats a flat position in a row-major shape: "[12]" for element 12 of a vector, "[1,2]" for an
// element of a matrix.
std::string FormatIndex(int64_t position, absl::Span<const int64_t> shape);

// Returns the index of the first element that is NaN or infinite, or -1.
int64_t FindNonFinite(absl::Span<const float> values);
int64_t FindNonFinite(absl::Span<const double> values);

// Sets dtype and shape, sizes `packed` and fills it with zeros; returns its start.
template <typename T>
T* ResizeTensor(absl::Span<const int64_t> shape, v1::Tensor* tensor);

// Copies `values` into the tensor; there must be product(shape) of them.
template <typename T>
void SetTensor(absl::Span<const int64_t> shape, absl::Span<const T> values, v1::Tensor* tensor);

// Returns the elements of a tensor that passed CheckTensor.
template <typename T>
absl::Span<const T> TensorValues(const v1::Tensor& tensor) {
  return absl::MakeConstSpan(reinterpret_cast<const T*>(tensor.packed().data()),
                             tensor.packed().size() / sizeof(T));
}

}  // namespace armature

#endif  // ARMATURE_COMMON_TENSOR_PACKED_H_
