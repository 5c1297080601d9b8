#include "learner/algorithms/mlp.h"

#include <cmath>

#include "ATen/ATen.h"
#include "c10/core/GradMode.h"

namespace armature {
namespace {

constexpr double kLeakyReluSlope = 0.01;  // LibTorch's own default.

}  // namespace

int64_t MlpShape::parameter_count() const {
  int64_t count = 0;
  for (size_t i = 1; i < sizes.size(); ++i) count += members * (sizes[i - 1] + 1) * sizes[i];
  return count;
}

MlpShape ShapeLike(const v1::PolicySpec& policy, int64_t members, int64_t input_size,
                   int64_t output_size) {
  MlpShape shape;
  shape.members = members;
  shape.sizes = {input_size};
  shape.sizes.insert(shape.sizes.end(), policy.hidden_sizes().begin(), policy.hidden_sizes().end());
  shape.sizes.push_back(output_size);
  shape.activation = policy.activation();
  return shape;
}

Mlp::Mlp(const MlpShape& shape, const at::Tensor& parameters, const at::Tensor& gradient)
    : shape_(shape) {
  const int64_t members = shape.members;
  int64_t offset = 0;
  auto take = [&](int64_t rows, int64_t columns, std::vector<at::Tensor>* views,
                  std::vector<at::Tensor>* gradient_views) {
    const int64_t count = members * rows * columns;
    views->push_back(parameters.narrow(0, offset, count).view({members, rows, columns}));
    if (gradient.defined()) {
      gradient_views->push_back(gradient.narrow(0, offset, count).view({members, rows, columns}));
    }
    offset += count;
  };
  for (size_t i = 1; i < shape.sizes.size(); ++i) {
    take(shape.sizes[i], shape.sizes[i - 1], &weight_, &weight_gradient_);
    take(1, shape.sizes[i], &bias_, &bias_gradient_);
  }
}

Mlp::Tape Mlp::Tape::Rows(int64_t first, int64_t count) const {
  Tape rows;
  for (const at::Tensor& tensor : output) rows.output.push_back(tensor.narrow(1, first, count));
  for (const at::Tensor& tensor : gradient) rows.gradient.push_back(tensor.narrow(1, first, count));
  return rows;
}

Mlp::Tape Mlp::Tape::Member(int64_t index) const {
  Tape member;
  for (const at::Tensor& tensor : output) member.output.push_back(tensor.narrow(0, index, 1));
  for (const at::Tensor& tensor : gradient) member.gradient.push_back(tensor.narrow(0, index, 1));
  return member;
}

Mlp Mlp::Member(int64_t index) const {
  Mlp member = *this;
  member.shape_.members = 1;
  for (auto* views :
       {&member.weight_, &member.bias_, &member.weight_gradient_, &member.bias_gradient_}) {
    for (at::Tensor& view : *views) view = view.narrow(0, index, 1);
  }
  return member;
}

Mlp::Tape Mlp::MakeTape(int64_t batch_size) const {
  Tape tape;
  for (size_t i = 0; i < weight_.size(); ++i) {
    const auto shape = {shape_.members, batch_size, shape_.sizes[i + 1]};
    tape.output.push_back(at::empty(shape, weight_[i].options()));
    if (i + 1 < weight_.size()) tape.gradient.push_back(at::empty(shape, weight_[i].options()));
  }
  return tape;
}

at::Tensor Mlp::Members(const at::Tensor& input) const {
  return input.dim() == 3 ? input : input.unsqueeze(0).expand({shape_.members, -1, -1});
}

const at::Tensor& Mlp::Forward(const at::Tensor& input, Tape* tape) const {
  at::Tensor x = Members(input);
  for (size_t i = 0; i < weight_.size(); ++i) {
    at::baddbmm_out(tape->output[i], bias_[i], x, weight_[i].transpose(1, 2));
    if (i + 1 < weight_.size()) Activate(&tape->output[i]);
    x = tape->output[i];
  }
  return tape->output.back();
}

void Mlp::Backward(const at::Tensor& input, const at::Tensor& output_gradient, Tape* tape) const {
  at::Tensor gradient = output_gradient;
  for (size_t i = weight_.size(); i-- > 0;) {
    const at::Tensor x = i > 0 ? tape->output[i - 1] : Members(input);
    at::Tensor weight_gradient = weight_gradient_[i];
    at::Tensor bias_gradient = bias_gradient_[i];
    at::bmm_out(weight_gradient, gradient.transpose(1, 2), x);
    at::sum_out(bias_gradient, gradient, {1}, /*keepdim=*/true);
    if (i == 0) break;
    at::bmm_out(tape->gradient[i - 1], gradient, weight_[i]);
    ActivateBackward(tape->output[i - 1], &tape->gradient[i - 1]);
    gradient = tape->gradient[i - 1];
  }
}

void Mlp::BackwardToInput(const at::Tensor& output_gradient, Tape* tape, int64_t first,
                          at::Tensor* gradient) const {
  at::Tensor layer_gradient = output_gradient;
  for (size_t i = weight_.size() - 1; i > 0; --i) {
    at::bmm_out(tape->gradient[i - 1], layer_gradient, weight_[i]);
    ActivateBackward(tape->output[i - 1], &tape->gradient[i - 1]);
    layer_gradient = tape->gradient[i - 1];
  }
  at::bmm_out(*gradient, layer_gradient, weight_[0].narrow(2, first, gradient->size(2)));
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

void Mlp::InitUniform(at::Generator generator) const {
  const c10::NoGradGuard no_grad;
  for (size_t i = 0; i < weight_.size(); ++i) {
    const double bound = 1 / std::sqrt(static_cast<double>(shape_.sizes[i]));
    for (const at::Tensor& tensor : {weight_[i], bias_[i]}) {
      tensor.copy_(at::empty(tensor.sizes(), at::kFloat).uniform_(-bound, bound, generator));
    }
  }
}

void Mlp::InitOrthogonal(double hidden_gain, double output_gain, at::Generator generator) const {
  const c10::NoGradGuard no_grad;
  for (size_t i = 0; i < weight_.size(); ++i) {
    const double gain = i + 1 < weight_.size() ? hidden_gain : output_gain;
    const int64_t out = shape_.sizes[i + 1];
    const int64_t in = shape_.sizes[i];
    for (int64_t member = 0; member < shape_.members; ++member) {
      // The columns of Q are orthonormal: the longer side first. The signs of R's
      // diagonal make the draw uniform over orthogonal matrices.
      const at::Tensor normal =
          at::randn({std::max(out, in), std::min(out, in)}, generator, at::kFloat);
      const auto [q, r] = at::linalg_qr(normal);
      const at::Tensor columns = q * r.diagonal().sign();
      weight_[i][member].copy_((out < in ? columns.t() : columns) * gain);
    }
    bias_[i].zero_();
  }
}

}  // namespace armature
