// Files with a policy that can be used without its run; for the format see docs/policy_file.md.
//
// Thread safety: free functions on plain values.
#ifndef ARMATURE_LEARNER_CHECKPOINT_POLICY_FILE_H_
#define ARMATURE_LEARNER_CHECKPOINT_POLICY_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/policy/named_tensors.h"
#include "common/spec/env_spec.h"
#include "learner/checkpoint/tensor_file.h"
#include "proto/learner_service.pb.h"

namespace armature {

// `counters` says where in the run the policy was published; its tensors are ignored.
TensorFile MakePolicyFile(const std::string& run_id, const EnvSpec& env,
                          const v1::PolicySpec& policy, const v1::PolicyUpdate& counters,
                          const NamedTensors& tensors);

struct PolicyFile {
  std::string run_id;
  EnvSpec env;
  v1::PolicySpec policy;
  v1::PolicyUpdate weights;  // With version, env_steps and learner_steps.
};

// Returns NotFound if there is no such file; DataLoss if it is damaged or not a policy of this
// format (the message names the path). Does not check that the weights fit the policy.
absl::StatusOr<PolicyFile> ReadPolicyFile(const std::string& path);

}  // namespace armature

#endif  // ARMATURE_LEARNER_CHECKPOINT_POLICY_FILE_H_
