// Converts policies to and from PolicyUpdate messages.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_POLICY_POLICY_WIRE_H_
#define ARMATURE_COMMON_POLICY_POLICY_WIRE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/named_tensors.h"
#include "proto/learner_service.pb.h"

namespace armature {

// Fills in tensors and checksum; copies from the device.
void EncodePolicy(const NamedTensors& tensors, v1::PolicyUpdate* update);

// Returns the tensors on the CPU.
// Returns DataLoss if the checksum does not match; InvalidArgument if a tensor is malformed or not
// finite (the message names it).
absl::StatusOr<NamedTensors> DecodePolicy(const v1::PolicyUpdate& update);

// Converts "auto", "cpu" or "cuda" to a device.
// Returns InvalidArgument for other words; FailedPrecondition for "cuda" if the build or the
// machine lacks it (the message says which).
absl::StatusOr<c10::Device> ParseDevice(const std::string& name);

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_POLICY_WIRE_H_
