// Converts a policy to an ONNX model: raw observations in, actions in the environment's units out.
//
// Inputs: one per observation field, with its name, dtype and shape after a free batch dimension N.
// Output "action": float32 [N, A] within the bounds of the environment's Box; for Discrete: int64
// [N], the index. It is the mode of the policy, as in evaluations.
// Steps inside: flatten, concatenate, normalise and clip, layers, head, map to the bounds
// (docs/policy_file.md). All arithmetic is float32, which every runtime supports. Actions differ by
// rounding from the actor's, which maps to the bounds in float64.
// Operators: opset 17 (onnxruntime 1.12 and later), IR version 8.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_EXPORT_ONNX_POLICY_H_
#define ARMATURE_LEARNER_EXPORT_ONNX_POLICY_H_

#include "absl/status/statusor.h"
#include "learner/checkpoint/policy_file.h"
#include "onnx/onnx_pb.h"

namespace armature {

// Returns InvalidArgument if weights, network and environment do not fit each other (says where),
// or if an observation field has the output's name.
absl::StatusOr<onnx::ModelProto> ToOnnx(const PolicyFile& policy);

}  // namespace armature

#endif  // ARMATURE_LEARNER_EXPORT_ONNX_POLICY_H_
