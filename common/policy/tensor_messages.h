// Converts named tensors to and from the messages of proto/tensor.proto.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_POLICY_TENSOR_MESSAGES_H_
#define ARMATURE_COMMON_POLICY_TENSOR_MESSAGES_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/policy/named_tensors.h"
#include "google/protobuf/repeated_field.h"
#include "proto/tensor.pb.h"

namespace armature {

using TensorMessages = google::protobuf::RepeatedPtrField<v1::NamedTensor>;

// Returns the dtype of a float32, float64 or int64 tensor. Other dtypes cannot be sent.
v1::DType WireType(const at::Tensor& tensor);

// Replaces `messages`; copies from the device. Returns their checksum: the CRC-32C of each
// tensor's name and packed bytes, in order.
uint32_t EncodeTensors(const NamedTensors& tensors, TensorMessages* messages);

// Returns DataLoss if `checksum` does not match `messages`. The error message begins with `what`.
absl::Status CheckTensors(const TensorMessages& messages, uint32_t checksum,
                          absl::string_view what);

// Returns the tensor on the CPU. `dtype` must be one that WireType returns.
// Returns InvalidArgument if the tensor is malformed, not finite or has another dtype (the error
// message names it).
absl::StatusOr<at::Tensor> DecodeTensor(const v1::NamedTensor& message, v1::DType dtype);

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_TENSOR_MESSAGES_H_
