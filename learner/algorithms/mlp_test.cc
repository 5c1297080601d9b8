#include "learner/algorithms/mlp.h"

#include <cmath>

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr int64_t kMembers = 2;
constexpr int64_t kBatch = 9;

MlpShape MakeShape(v1::PolicySpec::Activation activation) {
  MlpShape shape;
  shape.members = kMembers;
  shape.sizes = {5, 7, 6, 3};
  shape.activation = activation;
  return shape;
}

at::Tensor Activation(v1::PolicySpec::Activation activation, const at::Tensor& x) {
  switch (activation) {
    case v1::PolicySpec::ACTIVATION_TANH:
      return x.tanh();
    case v1::PolicySpec::ACTIVATION_ELU:
      return at::elu(x);
    case v1::PolicySpec::ACTIVATION_LEAKY_RELU:
      return at::leaky_relu(x);
    default:
      return x.relu();
  }
}

// The same networks, one member and one layer at a time, for autograd.
at::Tensor Reference(const MlpShape& shape, const at::Tensor& parameters, const at::Tensor& input) {
  std::vector<at::Tensor> outputs;
  for (int64_t member = 0; member < shape.members; ++member) {
    at::Tensor x = input;
    int64_t offset = 0;
    for (size_t i = 1; i < shape.sizes.size(); ++i) {
      const int64_t in = shape.sizes[i - 1];
      const int64_t out = shape.sizes[i];
      const at::Tensor weight =
          parameters.narrow(0, offset + member * out * in, out * in).view({out, in});
      offset += shape.members * out * in;
      const at::Tensor bias = parameters.narrow(0, offset + member * out, out);
      offset += shape.members * out;
      x = at::linear(x, weight, bias);
      if (i + 1 < shape.sizes.size()) x = Activation(shape.activation, x);
    }
    outputs.push_back(x);
  }
  return at::stack(outputs);
}

class MlpActivationTest : public testing::TestWithParam<int> {};

TEST_P(MlpActivationTest, OutputsAndGradientsAreThoseOfAutograd) {
  const MlpShape shape = MakeShape(static_cast<v1::PolicySpec::Activation>(GetParam()));
  at::Generator generator = MakeGenerator(c10::kCPU, 1);
  at::Tensor parameters = at::randn({shape.parameter_count()}, generator) * 0.5;
  at::Tensor gradient = at::full_like(parameters, NAN);
  at::Tensor input = at::randn({kBatch, 5}, generator);
  const at::Tensor output_gradient = at::randn({kMembers, kBatch, 3}, generator);

  const Mlp mlp(shape, parameters, gradient);
  Mlp::Tape tape = mlp.MakeTape(kBatch);
  const at::Tensor output = mlp.Forward(input, &tape).clone();
  mlp.Backward(input, output_gradient, &tape);
  at::Tensor input_gradient = at::empty({kMembers, kBatch, 2});
  mlp.BackwardToInput(output_gradient, &tape, 3, &input_gradient);

  at::Tensor leaf = parameters.clone().requires_grad_();
  at::Tensor input_leaf = input.clone().requires_grad_();
  const at::Tensor expected = Reference(shape, leaf, input_leaf);
  (expected * output_gradient).sum().backward();
  EXPECT_TRUE(at::allclose(output, expected, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(gradient, leaf.grad(), 1e-4, 1e-6));
  EXPECT_TRUE(at::allclose(input_gradient.sum(0), input_leaf.grad().narrow(1, 3, 2), 1e-4, 1e-6));
}

INSTANTIATE_TEST_SUITE_P(All, MlpActivationTest, testing::Range(1, 5));

TEST(MlpTest, RowsOfATapeCarryTheGradientOfThoseRowsOnly) {
  MlpShape shape = MakeShape(v1::PolicySpec::ACTIVATION_TANH);
  shape.members = 1;
  at::Generator generator = MakeGenerator(c10::kCPU, 2);
  at::Tensor parameters = at::randn({shape.parameter_count()}, generator);
  at::Tensor gradient = at::zeros_like(parameters);
  const at::Tensor input = at::randn({kBatch, 5}, generator);
  at::Tensor output_gradient = at::randn({1, kBatch, 3}, generator);
  const Mlp mlp(shape, parameters, gradient);
  Mlp::Tape tape = mlp.MakeTape(kBatch);
  mlp.Forward(input, &tape);
  Mlp::Tape rows = tape.Rows(4, 5);
  mlp.Backward(input.narrow(0, 4, 5), output_gradient.narrow(1, 4, 5), &rows);
  const at::Tensor of_rows = gradient.clone();
  output_gradient.narrow(1, 0, 4).zero_();
  mlp.Backward(input, output_gradient, &tape);
  EXPECT_TRUE(at::allclose(of_rows, gradient, 1e-5, 1e-6));
}

TEST(MlpTest, AMemberAloneGivesItsOwnOutputsAndGradientsInTheSharedBuffers) {
  const MlpShape shape = MakeShape(v1::PolicySpec::ACTIVATION_TANH);
  at::Generator generator = MakeGenerator(c10::kCPU, 2);
  const at::Tensor parameters = at::randn({shape.parameter_count()}, generator);
  const at::Tensor gradient = at::zeros_like(parameters);
  const at::Tensor input = at::randn({kBatch, 5}, generator);
  at::Tensor output_gradient = at::randn({kMembers, kBatch, 3}, generator);
  output_gradient[0].zero_();
  const Mlp mlp(shape, parameters, gradient);
  Mlp::Tape tape = mlp.MakeTape(kBatch);
  const at::Tensor output = mlp.Forward(input, &tape).clone();
  mlp.Backward(input, output_gradient, &tape);
  const at::Tensor expected = gradient.clone();
  at::Tensor input_gradient = at::empty({kMembers, kBatch, 5});
  mlp.BackwardToInput(output_gradient, &tape, 0, &input_gradient);

  const Mlp second = mlp.Member(1);
  Mlp::Tape second_tape = tape.Member(1);
  gradient.zero_();
  EXPECT_TRUE(at::allclose(second.Forward(input, &second_tape)[0], output[1]));
  second.Backward(input, output_gradient.narrow(0, 1, 1), &second_tape);
  EXPECT_TRUE(at::allclose(gradient, expected, 1e-5, 1e-6));
  at::Tensor second_input_gradient = at::empty({1, kBatch, 5});
  second.BackwardToInput(output_gradient.narrow(0, 1, 1), &second_tape, 0, &second_input_gradient);
  EXPECT_TRUE(at::allclose(second_input_gradient[0], input_gradient[1], 1e-5, 1e-6));
}

TEST(MlpTest, UniformInitStaysWithinOneOverRootOfTheInputs) {
  const MlpShape shape = {1, {100, 50, 10}, v1::PolicySpec::ACTIVATION_RELU};
  at::Tensor parameters = at::full({shape.parameter_count()}, NAN);
  Mlp(shape, parameters, at::Tensor()).InitUniform(MakeGenerator(c10::kCPU, 3));
  const float largest = parameters.narrow(0, 0, 100 * 50 + 50).abs().max().item<float>();
  EXPECT_LE(largest, 0.1f);
  EXPECT_GT(largest, 0.099f);
  const float largest_of_last = parameters.narrow(0, 5050, 510).abs().max().item<float>();
  EXPECT_LE(largest_of_last, 1 / std::sqrt(50.f));
  EXPECT_GT(largest_of_last, 0.13f);
}

TEST(MlpTest, OrthogonalInitHasOrthogonalRowsOrColumnsOfTheGain) {
  const MlpShape shape = {2, {4, 8, 8, 3}, v1::PolicySpec::ACTIVATION_RELU};
  at::Tensor parameters = at::full({shape.parameter_count()}, NAN);
  Mlp(shape, parameters, at::Tensor()).InitOrthogonal(1.5, 0.01, MakeGenerator(c10::kCPU, 4));
  int64_t offset = 0;
  for (size_t i = 1; i < shape.sizes.size(); ++i) {
    const int64_t in = shape.sizes[i - 1];
    const int64_t out = shape.sizes[i];
    const double gain = i == 3 ? 0.01 : 1.5;
    for (int member = 0; member < 2; ++member) {
      const at::Tensor weight = parameters.narrow(0, offset, out * in).view({out, in});
      const at::Tensor gram = out < in ? weight.mm(weight.t()) : weight.t().mm(weight);
      EXPECT_TRUE(at::allclose(gram, at::eye(gram.size(0)) * gain * gain, 1e-4, 1e-6));
      offset += out * in;
    }
    EXPECT_EQ(parameters.narrow(0, offset, 2 * out).abs().sum().item<float>(), 0);
    offset += 2 * out;
  }
}

}  // namespace
}  // namespace armature
