// Converts named tensors to and from messages of proto/replica_service.proto.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_REPLICAS_TENSOR_WIRE_H_
#define ARMATURE_LEARNER_REPLICAS_TENSOR_WIRE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/named_tensors.h"
#include "common/policy/tensor_messages.h"
#include "proto/replica_service.pb.h"

namespace armature {

// Fills tensors and checksum, copying from the device. Only for float32, float64 and int64.
void EncodeTensors(const NamedTensors& tensors, v1::TensorList* list);

// Returns the tensors, on the CPU. Returns DataLoss if the checksum is wrong; InvalidArgument if a
// tensor is malformed, of another dtype or not finite (named).
absl::StatusOr<NamedTensors> DecodeTensors(const v1::TensorList& list);

// Encodes only names, dtypes and shapes.
void EncodeLayout(const NamedTensors& tensors, TensorMessages* layout);

// Returns FailedPrecondition if `layout`, or the layout of `tensors`, differs from that of `own`.
// The message begins with `whose` and names the first tensor that differs.
absl::Status CheckLayout(const TensorMessages& layout, const NamedTensors& own,
                         absl::string_view whose);
absl::Status CheckLayout(const NamedTensors& tensors, const NamedTensors& own,
                         absl::string_view whose);

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_TENSOR_WIRE_H_
