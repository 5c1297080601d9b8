// E fully connected networks of the same shape, computed together, with hand-written gradients:
//   h_l = f(h_{l-1} W_l^T + b_l)                  the last layer has no f
//   h_l = f(n(h_{l-1} W_l^T + b_l) g_l + c_l)     hidden layers with layer_norm
// n subtracts the mean over a row's units and divides by their standard deviation (Ba et al. 2016,
// arXiv:1607.06450).
//
// All parameters are in one buffer, layer by layer: W [E, out, in], b [E, out], then, for a hidden
// layer with layer_norm, g and c, [E, out] each. For E = 1 this is PolicyNetwork's order, so an Mlp
// can train a policy in place.
// Shapes: B batch; inputs [B, in] are shared by the members, or [E, B, in];
// outputs [E, B, out].
// Thread safety: const methods, if each thread has its own activations.
#ifndef ARMATURE_LEARNER_NN_MLP_H_
#define ARMATURE_LEARNER_NN_MLP_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "proto/learner_service.pb.h"

namespace armature {

// How initial weights are drawn. Biases are 0, except with kUniform. Layer norm always starts with
// g = 1, c = 0.
struct Initialization {
  enum class Kind {
    kUniform,         // PyTorch's Linear: weights and biases in +-1 / sqrt(in).
    kOrthogonal,      // Saxe et al. 2013, arXiv:1312.6120; scaled by the gain.
    kXavierUniform,   // Glorot and Bengio 2010: in +-gain sqrt(6 / (in + out)).
    kKaimingUniform,  // He et al. 2015, arXiv:1502.01852: in +-gain sqrt(3 / in).
  };
  Kind kind = Kind::kUniform;
  // kUniform ignores the gains.
  double hidden_gain = 1;
  double output_gain = 1;  // For the last layer.
};

struct MlpShape {
  int64_t members = 1;         // E
  std::vector<int64_t> sizes;  // Input, hidden layers, output.
  v1::PolicySpec::Activation activation = v1::PolicySpec::ACTIVATION_RELU;
  bool layer_norm = false;  // In the hidden layers.

  int64_t parameter_count() const;
};
// Has the activation and layer norm of `policy`; also its hidden layers if `hidden_sizes` is empty.
MlpShape ShapeLike(const v1::PolicySpec& policy, int64_t members, int64_t input_size,
                   int64_t output_size, const std::vector<int64_t>& hidden_sizes = {});

class Mlp {
 public:
  // Layer outputs of one forward pass and their gradients, allocated once.
  struct Activations {
    std::vector<at::Tensor> output;    // [E, B, units] of each layer
    std::vector<at::Tensor> gradient;  // for the hidden layers' outputs
    // For hidden layers with layer_norm: n(..), and 1 / deviation, [E, B, 1].
    std::vector<at::Tensor> normalized;
    std::vector<at::Tensor> inverse_std;
    // Views of this memory: `count` rows from `first`; one member.
    Activations Rows(int64_t first, int64_t count) const;
    Activations Member(int64_t index) const;

   private:
    Activations Narrow(int64_t dimension, int64_t first, int64_t count) const;
  };

  // Keeps both tensors, float32 [parameter_count]. `gradient` may be undefined if Backward is never
  // called.
  Mlp(const MlpShape& shape, const at::Tensor& parameters, const at::Tensor& gradient);

  // One of the networks, sharing its parameters and gradients.
  Mlp Member(int64_t index) const;

  Activations MakeActivations(int64_t batch_size) const;
  // Returns the last layer's output, [E, B, out]. Overwrites `activations`.
  const at::Tensor& Forward(const at::Tensor& input, Activations* activations) const;
  // Sets the parameters' gradient from the output's, [E, B, out]. Call Forward with `input` before.
  void Backward(const at::Tensor& input, const at::Tensor& output_gradient,
                Activations* activations) const;
  // Sets `gradient`, [E, B, count], to the gradient of each member's output with respect to `count`
  // input components from `first`. Leaves the parameters' gradient unchanged.
  void BackwardToInput(const at::Tensor& output_gradient, Activations* activations, int64_t first,
                       at::Tensor* gradient) const;

  void Init(const Initialization& initialization, at::Generator generator) const;

 private:
  void Activate(at::Tensor* output) const;
  // Turns the gradient for f(x) into the gradient for x. `output` is f(x).
  void ActivateBackward(const at::Tensor& output, at::Tensor* gradient) const;
  // Applies layer norm to the linear part of hidden layer `layer` in `activations`.
  void NormalizeLayer(size_t layer, Activations* activations) const;
  // Turns the gradient for the layer norm's result into the gradient for the linear part.
  void NormalizeLayerBackward(size_t layer, const Activations& activations,
                              at::Tensor* gradient) const;
  // Sets the gradients for g and c from the gradient for the layer norm's result.
  void SetNormGradients(size_t layer, const Activations& activations,
                        const at::Tensor& gradient) const;
  at::Tensor Members(const at::Tensor& input) const;

  // The parameters, or their gradients, by layer.
  struct Views {
    std::vector<at::Tensor> weight;  // [E, out, in]
    std::vector<at::Tensor> bias;    // [E, 1, out]
    // g and c, [E, 1, out], for hidden layers with layer_norm.
    std::vector<at::Tensor> norm_gain;
    std::vector<at::Tensor> norm_bias;
  };
  static Views MakeViews(const MlpShape& shape, const at::Tensor& flat);

  MlpShape shape_;
  Views parameters_;
  Views gradients_;  // Empty if there are none.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_MLP_H_
