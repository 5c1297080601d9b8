// Policies as PolicyUpdate messages.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_POLICY_POLICY_WIRE_H_
#define ARMATURE_COMMON_POLICY_POLICY_WIRE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/named_tensors.h"
#include "proto/learner_service.pb.h"

namespace armature {

// Fills tensors and checksum; copies from the device.
void EncodePolicy(const NamedTensors& tensors, v1::PolicyUpdate* update);

// The tensors on the CPU. OK; DataLoss: the checksum is not that of the tensors;
// InvalidArgument: a tensor is malformed or not finite (named).
absl::StatusOr<NamedTensors> DecodePolicy(const v1::PolicyUpdate& update);

// "auto" | "cpu" | "cuda" -> a device. OK; InvalidArgument: another word;
// FailedPrecondition: "cuda" where the build or the machine has none (says which).
absl::StatusOr<c10::Device> ParseDevice(const std::string& name);

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_POLICY_WIRE_H_
