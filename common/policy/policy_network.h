// The network that turns observations into actions, the same in actor and learner.
//
// Layers "actor.<i>.weight" [out, in] and "actor.<i>.bias" [out] for i = 0 ..
// hidden layers (the last one is the head); with PolicySpec.layer_norm the hidden ones
// also "actor.<i>.norm_gain" [out] and "actor.<i>.norm_bias" [out], applied before the
// activation (Ba et al. 2016, arXiv:1607.06450); and where the head has one
// "actor.log_std" [A]; with PolicySpec.normalize_observation also
// "observation_normalizer.mean" [D] and "observation_normalizer.std" [D].
// HEAD_SQUASHED_GAUSSIAN: the last layer gives [mean, log_std], 2 A wide.
// Action: Box in units of [-1, 1] (HEAD_DIAGONAL_GAUSSIAN may go beyond it; the
// actor clips what it sends, not what it stores); (Multi)Discrete the index of each
// component's choice (common/policy/categorical.h).
// Shapes: B batch, D = observation_size, A = action_size (all choices if Discrete),
// C components of a (Multi)Discrete.
//
// Thread safety: const methods; Load excludes all others.
#ifndef ARMATURE_COMMON_POLICY_POLICY_NETWORK_H_
#define ARMATURE_COMMON_POLICY_POLICY_NETWORK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "common/policy/named_tensors.h"
#include "proto/learner_service.pb.h"

namespace armature {

// Added to the variance that a layer norm divides by: torch.nn.LayerNorm's default.
constexpr double kLayerNormEpsilon = 1e-5;

class Categorical;

class PolicyNetwork {
 public:
  // Zero weights, identity normaliser, on `device`.
  // OK; InvalidArgument: `spec` breaks proto/learner_service.proto's rules.
  static absl::StatusOr<std::unique_ptr<PolicyNetwork>> Create(const v1::PolicySpec& spec,
                                                               c10::Device device);
  ~PolicyNetwork();

  struct Output {
    at::Tensor action;    // float32 [B, A]; HEAD_CATEGORICAL: [B, C] indices.
    at::Tensor log_prob;  // float32 [B], of `action`; HEAD_TANH: zeros.
  };
  // `observation` is raw, float32 [B, D] on the device. Deterministic: the mode.
  // Runs without gradients.
  Output Act(const at::Tensor& observation, bool deterministic,
             std::optional<at::Generator> generator) const;
  // A draw from the policy that `draws` decides, row by row: float32
  // [B, draws_per_row()] on the device, standard normal, or for HEAD_CATEGORICAL
  // uniform in [0, 1).
  Output ActByDraws(const at::Tensor& observation, const at::Tensor& draws) const;
  // A; C for HEAD_CATEGORICAL; 0 for HEAD_TANH.
  int64_t draws_per_row() const;

  // (observation - mean) / std, clipped; the identity where the spec does not
  // normalise. [.., D] -> [.., D].
  at::Tensor Normalize(const at::Tensor& observation) const;
  // The last layer's output for a normalised observation, [.., D] -> [.., head],
  // differentiable with respect to the parameters.
  at::Tensor Head(const at::Tensor& normalized_observation) const;

  // Parameters in wire order; they share memory with the network, so an
  // optimiser may train them in place. Without the normaliser.
  NamedTensors parameters() const;
  // The same parameters, end to end in one buffer [P] that they are views of.
  const at::Tensor& flat_parameters() const { return flat_parameters_; }
  // Parameters and normaliser: what goes into PolicyUpdate.
  NamedTensors tensors() const;
  // Copies all of tensors() in, or nothing.
  // OK; InvalidArgument: a name, shape or dtype does not fit, a value is not
  // finite, or a normaliser's deviation is not positive (the message names the
  // tensor).
  absl::Status Load(const NamedTensors& tensors);

  const v1::PolicySpec& spec() const { return spec_; }
  c10::Device device() const { return device_; }

 private:
  PolicyNetwork(const v1::PolicySpec& spec, c10::Device device);

  // `head`: [B, head size]. `draws` as for ActByDraws; undefined: the mode.
  Output FromHead(const at::Tensor& head, const at::Tensor& draws) const;

  struct Layer {
    at::Tensor weight;
    at::Tensor bias;
    at::Tensor norm_gain;  // Defined for hidden layers with layer norm only.
    at::Tensor norm_bias;
  };

  v1::PolicySpec spec_;
  c10::Device device_;
  at::Tensor flat_parameters_;
  std::vector<Layer> layers_;
  at::Tensor log_std_;                              // Defined for HEAD_DIAGONAL_GAUSSIAN only.
  std::unique_ptr<const Categorical> categorical_;  // HEAD_CATEGORICAL only.
  at::Tensor normalizer_mean_;                      // Defined where the spec normalises.
  at::Tensor normalizer_std_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_POLICY_NETWORK_H_
