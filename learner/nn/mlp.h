// Fully connected networks of one shape, E of them side by side, with their
// gradients written out: h_l = f(h_{l-1} W_l^T + b_l), the last layer without f; with
// layer_norm f(n(h_{l-1} W_l^T + b_l) g_l + c_l), where n takes the mean over a row's
// units away and divides by their deviation (Ba et al. 2016, arXiv:1607.06450).
//
// Parameters lie end to end in one buffer, layer by layer: W [E, out, in], then
// b [E, out], then of a hidden layer with layer_norm g and c, [E, out] each. For E = 1
// that is PolicyNetwork's order, so that an Mlp can train a policy in place.
// Shapes: B batch; inputs [B, in] are shared by the members, or [E, B, in];
// outputs [E, B, out].
// Thread safety: const methods, with activations of its own for each thread.
#ifndef ARMATURE_LEARNER_NN_MLP_H_
#define ARMATURE_LEARNER_NN_MLP_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "proto/learner_service.pb.h"

namespace armature {

// How weights are drawn at the start; but for kUniform, biases are 0. Of layer norm
// always: g = 1, c = 0.
struct Initialization {
  enum class Kind {
    kUniform,         // PyTorch's Linear: weights and biases in +-1 / sqrt(in).
    kOrthogonal,      // Saxe et al. 2013, arXiv:1312.6120; times the gain.
    kXavierUniform,   // Glorot and Bengio 2010: in +-gain sqrt(6 / (in + out)).
    kKaimingUniform,  // He et al. 2015, arXiv:1502.01852: in +-gain sqrt(3 / in).
  };
  Kind kind = Kind::kUniform;
  // Not of kUniform.
  double hidden_gain = 1;
  double output_gain = 1;  // Of the last layer.
};

struct MlpShape {
  int64_t members = 1;         // E
  std::vector<int64_t> sizes;  // Input, hidden layers, output.
  v1::PolicySpec::Activation activation = v1::PolicySpec::ACTIVATION_RELU;
  bool layer_norm = false;  // Of the hidden layers.

  int64_t parameter_count() const;
};
// With the activation and the layer norm of a policy, and its hidden layers where
// `hidden_sizes` is empty.
MlpShape ShapeLike(const v1::PolicySpec& policy, int64_t members, int64_t input_size,
                   int64_t output_size, const std::vector<int64_t>& hidden_sizes = {});

class Mlp {
 public:
  // Layer outputs of one forward pass and their gradients, allocated once.
  struct Activations {
    std::vector<at::Tensor> output;    // [E, B, units] of each layer
    std::vector<at::Tensor> gradient;  // of the hidden layers' outputs
    // With layer_norm, of the hidden layers: n(..) and, [E, B, 1], 1 / deviation.
    std::vector<at::Tensor> normalized;
    std::vector<at::Tensor> inverse_std;
    // The same memory, of `count` rows from `first`; of one member.
    Activations Rows(int64_t first, int64_t count) const;
    Activations Member(int64_t index) const;

   private:
    Activations Narrow(int64_t dimension, int64_t first, int64_t count) const;
  };

  // Both [parameter_count] float32, kept; `gradient` may be undefined where
  // Backward is never called.
  Mlp(const MlpShape& shape, const at::Tensor& parameters, const at::Tensor& gradient);

  // One of the networks alone, of the same parameters and gradients.
  Mlp Member(int64_t index) const;

  Activations MakeActivations(int64_t batch_size) const;
  // The last layer's output, [E, B, out]; overwrites `activations`.
  const at::Tensor& Forward(const at::Tensor& input, Activations* activations) const;
  // Sets the parameters' gradient, from that of the output, [E, B, out], after a
  // Forward of `input`.
  void Backward(const at::Tensor& input, const at::Tensor& output_gradient,
                Activations* activations) const;
  // Sets `gradient`, [E, B, count], to that of each member's output with respect
  // to the input's components from `first`; the parameters' gradient stays.
  void BackwardToInput(const at::Tensor& output_gradient, Activations* activations, int64_t first,
                       at::Tensor* gradient) const;

  void Init(const Initialization& initialization, at::Generator generator) const;

 private:
  void Activate(at::Tensor* output) const;
  // Turns the gradient of f(x) into that of x, given f(x).
  void ActivateBackward(const at::Tensor& output, at::Tensor* gradient) const;
  // The layer norm of hidden layer `layer`, from its linear part in `activations`.
  void NormalizeLayer(size_t layer, Activations* activations) const;
  // Turns the gradient of its result into that of the linear part.
  void NormalizeLayerBackward(size_t layer, const Activations& activations,
                              at::Tensor* gradient) const;
  // Sets the gradients of g and c, from that of the layer norm's result.
  void SetNormGradients(size_t layer, const Activations& activations,
                        const at::Tensor& gradient) const;
  at::Tensor Members(const at::Tensor& input) const;

  // One kind of parameter, or of their gradients, by layer.
  struct Views {
    std::vector<at::Tensor> weight;  // [E, out, in]
    std::vector<at::Tensor> bias;    // [E, 1, out]
    // g and c, [E, 1, out]: of the hidden layers, with layer_norm.
    std::vector<at::Tensor> norm_gain;
    std::vector<at::Tensor> norm_bias;
  };
  static Views MakeViews(const MlpShape& shape, const at::Tensor& flat);

  MlpShape shape_;
  Views parameters_;
  Views gradients_;  // Empty where there are none.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_MLP_H_
