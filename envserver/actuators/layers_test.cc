// Both versions of the forward pass give the same bits, whatever the sizes.
#include "envserver/actuators/layers.h"

#include <cstring>
#include <limits>
#include <vector>

#include "common/random/rng.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

struct Network {
  Network(const std::vector<int>& sizes, Activation activation) {
    layers.activation = activation;
    layers.num_hidden = static_cast<int>(sizes.size()) - 1;
    Rng rng({3});
    numbers.resize(kUnitsMax * (kUnitsMax + 2) * sizes.size());
    for (float& each : numbers) each = static_cast<float>(rng.Uniform(-0.5, 0.5));
    const float* next = numbers.data();
    for (int i = 0; i < layers.num_hidden; ++i) {
      layers.hidden[i] = {sizes[i], sizes[i + 1], next, next + sizes[i] * sizes[i + 1]};
      next = layers.hidden[i].bias + sizes[i + 1];
    }
    layers.output_weight = next;
    layers.output_bias = 0.25f;
  }
  std::vector<float> Run(EvaluateLayers evaluate, const std::vector<float>& input) const {
    std::vector<float> output(input.size() / layers.hidden[0].inputs);
    evaluate(layers, input.data(), static_cast<int>(output.size()), output.data());
    return output;
  }

  Layers layers;
  std::vector<float> numbers;
};

std::vector<float> Inputs(int size, double size_max) {
  Rng rng({5});
  std::vector<float> inputs(size);
  for (float& each : inputs) each = static_cast<float>(rng.Uniform(-size_max, size_max));
  return inputs;
}

TEST(Layers, TheVersionForAvx2GivesTheBaselinesBits) {
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "no AVX2 on this CPU";
  for (const Activation activation : {Activation::kSoftsign, Activation::kTanh, Activation::kElu}) {
    for (const std::vector<int>& sizes :
         {std::vector<int>{6, 32, 32, 32}, {2, 8}, {5, 24, 40, 8}, {64, 256, 256}}) {
      for (const int joints : {1, 2, 3, 12, 13}) {
        const Network network(sizes, activation);
        for (const double size_max : {0.1, 3.0, 1000.0}) {
          const std::vector<float> inputs = Inputs(joints * sizes[0], size_max);
          const std::vector<float> baseline = network.Run(EvaluateLayersBaseline, inputs);
          const std::vector<float> avx2 = network.Run(EvaluateLayersAvx2, inputs);
          EXPECT_EQ(std::memcmp(baseline.data(), avx2.data(), 4 * joints), 0)
              << sizes.size() << " sizes, " << joints << " joints, " << size_max;
        }
      }
    }
  }
}

TEST(Layers, AJointsOutputDoesNotDependOnTheOthers) {
  const Network network({6, 32, 32, 32}, Activation::kSoftsign);
  std::vector<float> inputs = Inputs(6 * 12, 3);
  const std::vector<float> all = network.Run(EvaluateLayersBaseline, inputs);
  for (int joint = 0; joint < 12; ++joint) {
    const std::vector<float> own(inputs.begin() + 6 * joint, inputs.begin() + 6 * (joint + 1));
    EXPECT_EQ(network.Run(EvaluateLayersBaseline, own)[0], all[joint]) << joint;
  }
  inputs[6 * 4 + 2] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> with_nan = network.Run(EvaluateLayersBaseline, inputs);
  for (int joint = 0; joint < 12; ++joint) {
    if (joint == 4) {
      EXPECT_NE(with_nan[joint], with_nan[joint]);
    } else {
      EXPECT_EQ(with_nan[joint], all[joint]) << joint;
    }
  }
}

}  // namespace
}  // namespace armature
