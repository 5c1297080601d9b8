#include "learner/nn/mlp.h"

#include <algorithm>
#include <cmath>

#include "ATen/ATen.h"
#include "c10/core/GradMode.h"
#include "common/policy/policy_network.h"

namespace armature {
namespace {

constexpr double kLeakyReluSlope = 0.01;  // LibTorch's own default.

// Draws on the CPU, so that every device gets the same weights.
void DrawUniform(double bound, at::Generator generator, const at::Tensor& tensor) {
  tensor.copy_(at::empty(tensor.sizes(), at::kFloat).uniform_(-bound, bound, generator));
}

// `weight`: [out, in].
void DrawOrthogonal(double gain, at::Generator generator, const at::Tensor& weight) {
  const int64_t out = weight.size(0);
  const int64_t in = weight.size(1);
  // Q's columns are orthonormal if the longer side comes first. Multiplying by the signs of R's
  // diagonal makes the draw uniform over orthogonal matrices.
  const at::Tensor normal =
      at::randn({std::max(out, in), std::min(out, in)}, generator, at::kFloat);
  const auto [q, r] = at::linalg_qr(normal);
  const at::Tensor columns = q * r.diagonal().sign();
  weight.copy_((out < in ? columns.t() : columns) * gain);
}

}  // namespace

int64_t MlpShape::parameter_count() const {
  int64_t count = 0;
  for (size_t i = 1; i < sizes.size(); ++i) {
    const bool is_normalized = layer_norm && i + 1 < sizes.size();
    count += members * (sizes[i - 1] + (is_normalized ? 3 : 1)) * sizes[i];
  }
  return count;
}

MlpShape ShapeLike(const v1::PolicySpec& policy, int64_t members, int64_t input_size,
                   int64_t output_size, const std::vector<int64_t>& hidden_sizes) {
  MlpShape shape;
  shape.members = members;
  shape.sizes = hidden_sizes;
  if (hidden_sizes.empty()) {
    shape.sizes.assign(policy.hidden_sizes().begin(), policy.hidden_sizes().end());
  }
  shape.sizes.insert(shape.sizes.begin(), input_size);
  shape.sizes.push_back(output_size);
  shape.activation = policy.activation();
  shape.layer_norm = policy.layer_norm();
  return shape;
}

Mlp::Views Mlp::MakeViews(const MlpShape& shape, const at::Tensor& flat) {
  const int64_t members = shape.members;
  Views views;
  int64_t offset = 0;
  auto take = [&](int64_t rows, int64_t columns) {
    const int64_t count = members * rows * columns;
    offset += count;
    return flat.narrow(0, offset - count, count).view({members, rows, columns});
  };
  for (size_t i = 1; i < shape.sizes.size(); ++i) {
    views.weight.push_back(take(shape.sizes[i], shape.sizes[i - 1]));
    views.bias.push_back(take(1, shape.sizes[i]));
    if (!shape.layer_norm || i + 1 == shape.sizes.size()) continue;
    views.norm_gain.push_back(take(1, shape.sizes[i]));
    views.norm_bias.push_back(take(1, shape.sizes[i]));
  }
  return views;
}

Mlp::Mlp(const MlpShape& shape, const at::Tensor& parameters, const at::Tensor& gradient)
    : shape_(shape), parameters_(MakeViews(shape, parameters)) {
  if (gradient.defined()) gradients_ = MakeViews(shape, gradient);
}

Mlp::Activations Mlp::Activations::Narrow(int64_t dimension, int64_t first, int64_t count) const {
  Activations part = *this;
  for (auto* tensors : {&part.output, &part.gradient, &part.normalized, &part.inverse_std}) {
    for (at::Tensor& tensor : *tensors) tensor = tensor.narrow(dimension, first, count);
  }
  return part;
}

Mlp::Activations Mlp::Activations::Rows(int64_t first, int64_t count) const {
  return Narrow(1, first, count);
}

Mlp::Activations Mlp::Activations::Member(int64_t index) const { return Narrow(0, index, 1); }

Mlp Mlp::Member(int64_t index) const {
  Mlp member = *this;
  member.shape_.members = 1;
  for (Views* views : {&member.parameters_, &member.gradients_}) {
    for (auto* tensors : {&views->weight, &views->bias, &views->norm_gain, &views->norm_bias}) {
      for (at::Tensor& tensor : *tensors) tensor = tensor.narrow(0, index, 1);
    }
  }
  return member;
}

Mlp::Activations Mlp::MakeActivations(int64_t batch_size) const {
  Activations activations;
  const at::TensorOptions options = parameters_.bias[0].options();
  for (size_t i = 1; i < shape_.sizes.size(); ++i) {
    const auto shape = {shape_.members, batch_size, shape_.sizes[i]};
    activations.output.push_back(at::empty(shape, options));
    if (i + 1 == shape_.sizes.size()) break;
    activations.gradient.push_back(at::empty(shape, options));
    if (!shape_.layer_norm) continue;
    activations.normalized.push_back(at::empty(shape, options));
    activations.inverse_std.push_back(at::empty({shape_.members, batch_size, 1}, options));
  }
  return activations;
}

at::Tensor Mlp::Members(const at::Tensor& input) const {
  return input.dim() == 3 ? input : input.unsqueeze(0).expand({shape_.members, -1, -1});
}

const at::Tensor& Mlp::Forward(const at::Tensor& input, Activations* activations) const {
  at::Tensor x = Members(input);
  const size_t head = parameters_.weight.size() - 1;
  for (size_t i = 0; i <= head; ++i) {
    at::baddbmm_out(activations->output[i], parameters_.bias[i], x,
                    parameters_.weight[i].transpose(1, 2));
    if (i == head) break;
    if (shape_.layer_norm) NormalizeLayer(i, activations);
    Activate(&activations->output[i]);
    x = activations->output[i];
  }
  return activations->output.back();
}

void Mlp::Backward(const at::Tensor& input, const at::Tensor& output_gradient,
                   Activations* activations) const {
  at::Tensor gradient = output_gradient;
  for (size_t i = parameters_.weight.size(); i-- > 0;) {
    const at::Tensor x = i > 0 ? activations->output[i - 1] : Members(input);
    at::Tensor weight_gradient = gradients_.weight[i];
    at::Tensor bias_gradient = gradients_.bias[i];
    at::bmm_out(weight_gradient, gradient.transpose(1, 2), x);
    at::sum_out(bias_gradient, gradient, {1}, /*keepdim=*/true);
    if (i == 0) break;
    at::Tensor& next = activations->gradient[i - 1];
    at::bmm_out(next, gradient, parameters_.weight[i]);
    ActivateBackward(activations->output[i - 1], &next);
    if (shape_.layer_norm) {
      SetNormGradients(i - 1, *activations, next);
      NormalizeLayerBackward(i - 1, *activations, &next);
    }
    gradient = next;
  }
}

void Mlp::BackwardToInput(const at::Tensor& output_gradient, Activations* activations,
                          int64_t first, at::Tensor* gradient) const {
  at::Tensor layer_gradient = output_gradient;
  for (size_t i = parameters_.weight.size() - 1; i > 0; --i) {
    at::Tensor& next = activations->gradient[i - 1];
    at::bmm_out(next, layer_gradient, parameters_.weight[i]);
    ActivateBackward(activations->output[i - 1], &next);
    if (shape_.layer_norm) NormalizeLayerBackward(i - 1, *activations, &next);
    layer_gradient = next;
  }
  at::bmm_out(*gradient, layer_gradient, parameters_.weight[0].narrow(2, first, gradient->size(2)));
}

void Mlp::NormalizeLayer(size_t layer, Activations* activations) const {
  at::Tensor& x = activations->output[layer];
  at::Tensor& normalized = activations->normalized[layer];
  at::Tensor mean = at::empty({0}, x.options());
  at::native_layer_norm_out(normalized, mean, activations->inverse_std[layer], x, {x.size(2)},
                            /*weight=*/{}, /*bias=*/{}, kLayerNormEpsilon);
  at::addcmul_out(x, parameters_.norm_bias[layer], normalized, parameters_.norm_gain[layer]);
}

// For y = n(x) g + c with y_ = dJ / dn, per row of U units:
//   dJ / dx = (y_ - mean y_ - n mean(y_ n)) / deviation
void Mlp::NormalizeLayerBackward(size_t layer, const Activations& activations,
                                 at::Tensor* gradient) const {
  const at::Tensor& normalized = activations.normalized[layer];
  gradient->mul_(parameters_.norm_gain[layer]);
  const at::Tensor mean = gradient->mean({2}, /*keepdim=*/true);
  const at::Tensor projection = (*gradient * normalized).mean({2}, /*keepdim=*/true);
  gradient->sub_(mean).addcmul_(normalized, projection, -1).mul_(activations.inverse_std[layer]);
}

void Mlp::SetNormGradients(size_t layer, const Activations& activations,
                           const at::Tensor& gradient) const {
  at::Tensor gain_gradient = gradients_.norm_gain[layer];
  at::Tensor bias_gradient = gradients_.norm_bias[layer];
  at::sum_out(gain_gradient, gradient * activations.normalized[layer], {1}, /*keepdim=*/true);
  at::sum_out(bias_gradient, gradient, {1}, /*keepdim=*/true);
}

void Mlp::Activate(at::Tensor* output) const {
  switch (shape_.activation) {
    case v1::PolicySpec::ACTIVATION_TANH:
      output->tanh_();
      break;
    case v1::PolicySpec::ACTIVATION_ELU:
      at::elu_(*output);
      break;
    case v1::PolicySpec::ACTIVATION_LEAKY_RELU:
      at::leaky_relu_(*output, kLeakyReluSlope);
      break;
    default:
      output->relu_();
      break;
  }
}

void Mlp::ActivateBackward(const at::Tensor& output, at::Tensor* gradient) const {
  switch (shape_.activation) {
    case v1::PolicySpec::ACTIVATION_TANH:
      at::tanh_backward_out(*gradient, *gradient, output);
      break;
    case v1::PolicySpec::ACTIVATION_ELU:
      at::elu_backward_out(*gradient, *gradient, /*alpha=*/1, /*scale=*/1, /*input_scale=*/1,
                           /*is_result=*/true, output);
      break;
    case v1::PolicySpec::ACTIVATION_LEAKY_RELU:
      at::leaky_relu_backward_out(*gradient, *gradient, output, kLeakyReluSlope,
                                  /*self_is_result=*/true);
      break;
    default:
      at::threshold_backward_out(*gradient, *gradient, output, 0);
      break;
  }
}

void Mlp::Init(const Initialization& initialization, at::Generator generator) const {
  const c10::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.weight.size(); ++i) {
    const bool is_output = i + 1 == parameters_.weight.size();
    const double gain = is_output ? initialization.output_gain : initialization.hidden_gain;
    const auto in = static_cast<double>(shape_.sizes[i]);
    const auto out = static_cast<double>(shape_.sizes[i + 1]);
    const at::Tensor& weight = parameters_.weight[i];
    const at::Tensor& bias = parameters_.bias[i];
    bias.zero_();
    switch (initialization.kind) {
      case Initialization::Kind::kUniform:
        DrawUniform(1 / std::sqrt(in), generator, weight);
        DrawUniform(1 / std::sqrt(in), generator, bias);
        break;
      case Initialization::Kind::kOrthogonal:
        for (int64_t member = 0; member < shape_.members; ++member) {
          DrawOrthogonal(gain, generator, weight[member]);
        }
        break;
      case Initialization::Kind::kXavierUniform:
        DrawUniform(gain * std::sqrt(6 / (in + out)), generator, weight);
        break;
      case Initialization::Kind::kKaimingUniform:
        DrawUniform(gain * std::sqrt(3 / in), generator, weight);
        break;
    }
  }
  for (const at::Tensor& gain : parameters_.norm_gain) gain.fill_(1);
  for (const at::Tensor& bias : parameters_.norm_bias) bias.zero_();
}

}  // namespace armature
