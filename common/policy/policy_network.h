// The policy network: maps observations to actions; the same in actor and learner.
//
// Tensors: "actor.<i>.weight" [out, in] and "actor.<i>.bias" [out] for i = 0 .. number of hidden
// layers; the last layer is the head. With PolicySpec.layer_norm, hidden layers also have
// "actor.<i>.norm_gain" [out] and "actor.<i>.norm_bias" [out], applied before the activation (Ba et
// al. 2016, arXiv:1607.06450). HEAD_DIAGONAL_GAUSSIAN has "actor.log_std" [A].
// PolicySpec.normalize_observation adds "observation_normalizer.mean" [D] and
// "observation_normalizer.std" [D].
// HEAD_SQUASHED_GAUSSIAN: the last layer outputs [mean, log_std], 2 A wide.
// Action: Box actions are scaled to [-1, 1]. HEAD_DIAGONAL_GAUSSIAN may exceed that; the actor
// clips what it sends, not what it stores. (Multi)Discrete actions are the index of each
// component's choice (common/policy/categorical.h).
// Shapes: B batch, D = observation_size, A = action_size (all choices if Discrete), C components of
// a (Multi)Discrete.
//
// Thread safety: const methods; no other call may run during Load.
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

// Added to the variance in layer norms; the default of torch.nn.LayerNorm.
constexpr double kLayerNormEpsilon = 1e-5;

class Categorical;

class PolicyNetwork {
 public:
  // Starts with zero weights and the identity normaliser, on `device`.
  // Returns InvalidArgument if `spec` breaks proto/learner_service.proto's rules.
  static absl::StatusOr<std::unique_ptr<PolicyNetwork>> Create(const v1::PolicySpec& spec,
                                                               c10::Device device);
  ~PolicyNetwork();

  struct Output {
    at::Tensor action;    // float32 [B, A]; HEAD_CATEGORICAL: [B, C] indices.
    at::Tensor log_prob;  // float32 [B], of `action`; HEAD_TANH: zeros.
  };
  // Computes actions without gradients. `observation` is raw, float32 [B, D] on the device.
  // `deterministic` selects the mode instead of a sample.
  Output Act(const at::Tensor& observation, bool deterministic,
             std::optional<at::Generator> generator) const;
  // Samples actions with the given random numbers: row i depends only on row i of `draws`. `draws`
  // is float32 [B, draws_per_row()] on the device: standard normal, or uniform in [0, 1) for
  // HEAD_CATEGORICAL.
  Output ActByDraws(const at::Tensor& observation, const at::Tensor& draws) const;
  // A; but C for HEAD_CATEGORICAL and 0 for HEAD_TANH.
  int64_t draws_per_row() const;

  // Returns (observation - mean) / std, clipped; or `observation` itself if the spec does not
  // normalise. [.., D] -> [.., D].
  at::Tensor Normalize(const at::Tensor& observation) const;
  // Returns the last layer's output for a normalised observation, [.., D] -> [.., head].
  // Differentiable with respect to the parameters.
  at::Tensor Head(const at::Tensor& normalized_observation) const;

  // Parameters in wire order, without the normaliser. They share the network's memory, so an
  // optimiser may train them in place.
  NamedTensors parameters() const;
  // One buffer [P] with all parameters end to end; parameters() are views of it.
  const at::Tensor& flat_parameters() const { return flat_parameters_; }
  // Parameters and normaliser, as sent in PolicyUpdate.
  NamedTensors tensors() const;
  // Copies in values for all of tensors(), or changes nothing.
  // Returns InvalidArgument if a name, shape or dtype does not fit, a value is not finite, or a
  // normaliser's standard deviation is not positive; the message names the tensor.
  absl::Status Load(const NamedTensors& tensors);

  const v1::PolicySpec& spec() const { return spec_; }
  c10::Device device() const { return device_; }

 private:
  PolicyNetwork(const v1::PolicySpec& spec, c10::Device device);

  // `head`: [B, head size]. `draws`: as in ActByDraws; if undefined, returns the mode.
  Output FromHead(const at::Tensor& head, const at::Tensor& draws) const;

  struct Layer {
    at::Tensor weight;
    at::Tensor bias;
    at::Tensor norm_gain;  // Defined only for hidden layers with layer norm.
    at::Tensor norm_bias;
  };

  v1::PolicySpec spec_;
  c10::Device device_;
  at::Tensor flat_parameters_;
  std::vector<Layer> layers_;
  at::Tensor log_std_;                              // Defined only for HEAD_DIAGONAL_GAUSSIAN.
  std::unique_ptr<const Categorical> categorical_;  // Only for HEAD_CATEGORICAL.
  at::Tensor normalizer_mean_;                      // Defined if the spec normalises.
  at::Tensor normalizer_std_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_POLICY_NETWORK_H_
