// A policy as an ONNX model: raw observations in, actions in the environment's
// units out.
//
// Inputs, one an observation field: its name, dtype and shape behind a batch
// dimension N that is free. Output "action": float32 [N, A], within the bounds of the
// environment's Box; Discrete: int64 [N], the index. It is the mode, as in evaluations.
// Inside: flatten, join, normalise and clip, layers, head, map to the bounds
// (docs/policy_file.md). All arithmetic is float32, which every runtime has, so an
// action differs from the actor's, who maps to the bounds in float64, by rounding.
// Operators: opset 17 (onnxruntime 1.12 and later), IR version 8.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_EXPORT_ONNX_POLICY_H_
#define ARMATURE_LEARNER_EXPORT_ONNX_POLICY_H_

#include "absl/status/statusor.h"
#include "learner/checkpoint/policy_file.h"
#include "onnx/onnx_pb.h"

namespace armature {

// OK; InvalidArgument: weights, network and environment do not fit each other (says
// where), or an observation field has the name of the output.
absl::StatusOr<onnx::ModelProto> ToOnnx(const PolicyFile& policy);

}  // namespace armature

#endif  // ARMATURE_LEARNER_EXPORT_ONNX_POLICY_H_
