// A saved policy (docs/policy_file.md), evaluated without LibTorch: its deterministic action, for
// Box actions.
//
// Errors: WrapperError from the constructor.
// Cost: two operations a weight; nothing is allocated.
// Thread safety: none.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_EXPERT_POLICY_H_
#define ARMATURE_ENVSERVER_WRAPPERS_EXPERT_POLICY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/spec/env_spec.h"
#include "envserver/env/env.h"
#include "proto/learner_service.pb.h"

namespace armature {

class ExpertPolicy {
 public:
  // Reads the file. Refuses a policy of other fields, of other bounds of the action or of choices.
  ExpertPolicy(const std::string& path, const EnvSpec& spec);

  // Writes the policy's action in the environment's units, within its bounds.
  void Act(Observation& observation, absl::Span<float> action);

 private:
  struct Layer {
    int64_t in = 0;
    int64_t out = 0;
    std::vector<float> weight;     // [out, in]
    std::vector<float> bias;       // [out]
    std::vector<float> norm_gain;  // [out]; empty: no layer norm.
    std::vector<float> norm_bias;  // [out]
  };

  void Flatten(Observation& observation);
  void ApplyHidden(const Layer& layer, absl::Span<float> x) const;

  std::vector<FieldSpec> fields_;
  ActionSpec action_;
  v1::PolicySpec policy_;
  std::vector<Layer> layers_;
  std::vector<float> mean_;  // Empty: not normalised.
  std::vector<float> std_;
  std::vector<float> x_;  // Scratch: a layer's input,
  std::vector<float> y_;  // and its output.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_EXPERT_POLICY_H_
