#include "learner/nn/mlp.h"

#include <cmath>
#include <tuple>
#include <utility>

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "common/policy/policy_network.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr int64_t kMembers = 2;
constexpr int64_t kBatch = 9;
constexpr Initialization::Kind kKinds[] = {
    Initialization::Kind::kUniform, Initialization::Kind::kOrthogonal,
    Initialization::Kind::kXavierUniform, Initialization::Kind::kKaimingUniform};

MlpShape MakeShape(v1::PolicySpec::Activation activation, bool layer_norm = false) {
  MlpShape shape;
  shape.layer_norm = layer_norm;
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

// The same networks, computed one member and one layer at a time, for autograd.
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
      const auto take = [&] {
        offset += shape.members * out;
        return parameters.narrow(0, offset - (shape.members - member) * out, out);
      };
      x = at::linear(x, weight, take());
      if (i + 1 == shape.sizes.size()) break;
      if (shape.layer_norm) {
        const at::Tensor gain = take();
        x = at::layer_norm(x, {out}, gain, take());
      }
      x = Activation(shape.activation, x);
    }
    outputs.push_back(x);
  }
  return at::stack(outputs);
}

// Parameters: activation and layer norm.
class MlpGradientTest : public testing::TestWithParam<std::tuple<int, bool>> {
 protected:
  static MlpShape Shape() {
    return MakeShape(static_cast<v1::PolicySpec::Activation>(std::get<0>(GetParam())),
                     std::get<1>(GetParam()));
  }
};

TEST_P(MlpGradientTest, OutputsAndGradientsAreThoseOfAutograd) {
  const MlpShape shape = Shape();
  at::Generator generator = MakeGenerator(c10::kCPU, 1);
  at::Tensor parameters = at::randn({shape.parameter_count()}, generator) * 0.5;
  at::Tensor gradient = at::full_like(parameters, NAN);
  at::Tensor input = at::randn({kBatch, 5}, generator);
  const at::Tensor output_gradient = at::randn({kMembers, kBatch, 3}, generator);

  const Mlp mlp(shape, parameters, gradient);
  Mlp::Activations activations = mlp.MakeActivations(kBatch);
  const at::Tensor output = mlp.Forward(input, &activations).clone();
  mlp.Backward(input, output_gradient, &activations);
  at::Tensor input_gradient = at::empty({kMembers, kBatch, 2});
  mlp.BackwardToInput(output_gradient, &activations, 3, &input_gradient);

  at::Tensor leaf = parameters.clone().requires_grad_();
  at::Tensor input_leaf = input.clone().requires_grad_();
  const at::Tensor expected = Reference(shape, leaf, input_leaf);
  (expected * output_gradient).sum().backward();
  EXPECT_TRUE(at::allclose(output, expected, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(gradient, leaf.grad(), 1e-4, 1e-6));
  EXPECT_TRUE(at::allclose(input_gradient.sum(0), input_leaf.grad().narrow(1, 3, 2), 1e-4, 1e-6));
}

TEST_P(MlpGradientTest, GradientsAreTheSlopesOfTheOutput) {
  const MlpShape shape = Shape();
  at::Generator generator = MakeGenerator(c10::kCPU, 5);
  const at::Tensor parameters = at::randn({shape.parameter_count()}, generator, at::kDouble);
  const at::Tensor gradient = at::zeros_like(parameters);
  at::Tensor input = at::randn({kMembers, kBatch, 5}, generator, at::kDouble);
  const at::Tensor output_gradient = at::randn({kMembers, kBatch, 3}, generator, at::kDouble);
  const Mlp mlp(shape, parameters, gradient);
  Mlp::Activations activations = mlp.MakeActivations(kBatch);
  const auto value = [&] {
    return (mlp.Forward(input, &activations) * output_gradient).sum().item<double>();
  };
  value();
  mlp.Backward(input, output_gradient, &activations);
  at::Tensor input_gradient = at::empty_like(input);
  mlp.BackwardToInput(output_gradient, &activations, 0, &input_gradient);

  constexpr double kStep = 1e-6;
  const auto check = [&](const at::Tensor& variable, const at::Tensor& slopes) {
    double* const at = variable.mutable_data_ptr<double>();
    for (int64_t i = 0; i < variable.numel(); ++i) {
      const double before = at[i];
      at[i] = before + kStep;
      const double above = value();
      at[i] = before - kStep;
      const double below = value();
      at[i] = before;
      EXPECT_NEAR(slopes.flatten()[i].item<double>(), (above - below) / (2 * kStep), 1e-6) << i;
    }
  };
  check(parameters, gradient);
  check(input, input_gradient);
}

INSTANTIATE_TEST_SUITE_P(All, MlpGradientTest,
                         testing::Combine(testing::Range(1, 5), testing::Bool()));

TEST(MlpTest, TrainsAPolicyInPlaceWithAndWithoutLayerNorm) {
  for (const bool layer_norm : {false, true}) {
    v1::PolicySpec spec;
    spec.set_head(v1::PolicySpec::HEAD_TANH);
    for (const uint32_t size : {7, 6}) spec.add_hidden_sizes(size);
    spec.set_activation(v1::PolicySpec::ACTIVATION_ELU);
    spec.set_observation_size(5);
    spec.set_action_size(3);
    spec.set_layer_norm(layer_norm);
    const auto policy = std::move(*PolicyNetwork::Create(spec, c10::kCPU));
    at::Generator generator = MakeGenerator(c10::kCPU, 6);
    policy->flat_parameters().normal_(0, 1, generator);
    const MlpShape shape = ShapeLike(spec, 1, 5, 3);
    ASSERT_EQ(shape.parameter_count(), policy->flat_parameters().numel());
    const Mlp mlp(shape, policy->flat_parameters(), at::Tensor());
    Mlp::Activations activations = mlp.MakeActivations(kBatch);
    const at::Tensor input = at::randn({kBatch, 5}, generator);
    EXPECT_TRUE(at::allclose(mlp.Forward(input, &activations)[0], policy->Head(input), 1e-5, 1e-6));
  }
}

TEST(MlpTest, RowsOfActivationsCarryTheGradientOfThoseRowsOnly) {
  MlpShape shape = MakeShape(v1::PolicySpec::ACTIVATION_TANH, /*layer_norm=*/true);
  shape.members = 1;
  at::Generator generator = MakeGenerator(c10::kCPU, 2);
  at::Tensor parameters = at::randn({shape.parameter_count()}, generator);
  at::Tensor gradient = at::zeros_like(parameters);
  const at::Tensor input = at::randn({kBatch, 5}, generator);
  at::Tensor output_gradient = at::randn({1, kBatch, 3}, generator);
  const Mlp mlp(shape, parameters, gradient);
  Mlp::Activations activations = mlp.MakeActivations(kBatch);
  mlp.Forward(input, &activations);
  Mlp::Activations rows = activations.Rows(4, 5);
  mlp.Backward(input.narrow(0, 4, 5), output_gradient.narrow(1, 4, 5), &rows);
  const at::Tensor of_rows = gradient.clone();
  output_gradient.narrow(1, 0, 4).zero_();
  mlp.Backward(input, output_gradient, &activations);
  EXPECT_TRUE(at::allclose(of_rows, gradient, 1e-5, 1e-6));
}

TEST(MlpTest, AMemberAloneGivesItsOwnOutputsAndGradientsInTheSharedBuffers) {
  const MlpShape shape = MakeShape(v1::PolicySpec::ACTIVATION_TANH, /*layer_norm=*/true);
  at::Generator generator = MakeGenerator(c10::kCPU, 2);
  const at::Tensor parameters = at::randn({shape.parameter_count()}, generator);
  const at::Tensor gradient = at::zeros_like(parameters);
  const at::Tensor input = at::randn({kBatch, 5}, generator);
  at::Tensor output_gradient = at::randn({kMembers, kBatch, 3}, generator);
  output_gradient[0].zero_();
  const Mlp mlp(shape, parameters, gradient);
  Mlp::Activations activations = mlp.MakeActivations(kBatch);
  const at::Tensor output = mlp.Forward(input, &activations).clone();
  mlp.Backward(input, output_gradient, &activations);
  const at::Tensor expected = gradient.clone();
  at::Tensor input_gradient = at::empty({kMembers, kBatch, 5});
  mlp.BackwardToInput(output_gradient, &activations, 0, &input_gradient);

  const Mlp second = mlp.Member(1);
  Mlp::Activations second_activations = activations.Member(1);
  gradient.zero_();
  EXPECT_TRUE(at::allclose(second.Forward(input, &second_activations)[0], output[1]));
  second.Backward(input, output_gradient.narrow(0, 1, 1), &second_activations);
  EXPECT_TRUE(at::allclose(gradient, expected, 1e-5, 1e-6));
  at::Tensor second_input_gradient = at::empty({1, kBatch, 5});
  second.BackwardToInput(output_gradient.narrow(0, 1, 1), &second_activations, 0,
                         &second_input_gradient);
  EXPECT_TRUE(at::allclose(second_input_gradient[0], input_gradient[1], 1e-5, 1e-6));
}

TEST(MlpTest, UniformInitStaysWithinOneOverRootOfTheInputs) {
  const MlpShape shape = {1, {100, 50, 10}, v1::PolicySpec::ACTIVATION_RELU};
  at::Tensor parameters = at::full({shape.parameter_count()}, NAN);
  Mlp(shape, parameters, at::Tensor()).Init({}, MakeGenerator(c10::kCPU, 3));
  const float largest = parameters.narrow(0, 0, 100 * 50 + 50).abs().max().item<float>();
  EXPECT_LE(largest, 0.1f);
  EXPECT_GT(largest, 0.099f);
  const float largest_of_last = parameters.narrow(0, 5050, 510).abs().max().item<float>();
  EXPECT_LE(largest_of_last, 1 / std::sqrt(50.f));
  EXPECT_GT(largest_of_last, 0.13f);
}

// A uniform draw of this many weights comes within 1 % of its bound.
void ExpectUniform(const at::Tensor& weight, double bound) {
  EXPECT_LE(weight.abs().max().item<double>(), bound * (1 + 1e-6));
  EXPECT_GT(weight.abs().max().item<double>(), 0.99 * bound);
  EXPECT_NEAR(weight.mean().item<double>(), 0, 0.05 * bound);
  EXPECT_NEAR(weight.std().item<double>(), bound / std::sqrt(3.0), 0.03 * bound);
}

TEST(MlpTest, XavierAndKaimingWeightsAreUniformWithinTheirBoundsAndBiasesZero) {
  const MlpShape shape = {2, {40, 60, 30}, v1::PolicySpec::ACTIVATION_RELU};
  at::Tensor parameters = at::full({shape.parameter_count()}, NAN);
  const Mlp mlp(shape, parameters, at::Tensor());
  constexpr int64_t kHidden = 2 * 40 * 60;
  constexpr int64_t kOutput = 2 * 60 * 30;
  const auto hidden = parameters.narrow(0, 0, kHidden);
  const auto output = parameters.narrow(0, kHidden + 2 * 60, kOutput);
  mlp.Init({Initialization::Kind::kXavierUniform, 2, 0.1}, MakeGenerator(c10::kCPU, 7));
  ExpectUniform(hidden, 2 * std::sqrt(6.0 / (40 + 60)));
  ExpectUniform(output, 0.1 * std::sqrt(6.0 / (60 + 30)));
  EXPECT_EQ(parameters.narrow(0, kHidden, 2 * 60).abs().sum().item<float>(), 0);
  mlp.Init({Initialization::Kind::kKaimingUniform, 2, 0.1}, MakeGenerator(c10::kCPU, 7));
  ExpectUniform(hidden, 2 * std::sqrt(3.0 / 40));
  ExpectUniform(output, 0.1 * std::sqrt(3.0 / 60));
  EXPECT_EQ(parameters.narrow(0, kHidden + 2 * 60 + kOutput, 2 * 30).abs().sum().item<float>(), 0);
}

TEST(MlpTest, LayerNormBeginsWithGainsOfOneAndBiasesOfZero) {
  const MlpShape shape = {2, {4, 8, 3}, v1::PolicySpec::ACTIVATION_RELU, true};
  for (const auto kind : kKinds) {
    at::Tensor parameters = at::full({shape.parameter_count()}, NAN);
    const Mlp mlp(shape, parameters, at::Tensor());
    mlp.Init({kind}, MakeGenerator(c10::kCPU, 4));
    const int64_t first = 2 * 8 * (4 + 1);
    EXPECT_TRUE(at::equal(parameters.narrow(0, first, 2 * 8), at::ones({2 * 8})));
    EXPECT_TRUE(at::equal(parameters.narrow(0, first + 2 * 8, 2 * 8), at::zeros({2 * 8})));
    EXPECT_TRUE(at::isfinite(parameters).all().item<bool>());
  }
}

TEST(MlpTest, OrthogonalInitHasOrthogonalRowsOrColumnsOfTheGain) {
  const MlpShape shape = {2, {4, 8, 8, 3}, v1::PolicySpec::ACTIVATION_RELU};
  at::Tensor parameters = at::full({shape.parameter_count()}, NAN);
  Mlp(shape, parameters, at::Tensor())
      .Init({Initialization::Kind::kOrthogonal, 1.5, 0.01}, MakeGenerator(c10::kCPU, 4));
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
