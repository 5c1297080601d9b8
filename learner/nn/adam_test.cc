#include "learner/nn/adam.h"

#include <cmath>

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

// torch.optim.Adam's documented algorithm, one scalar in float64.
class ScalarAdam {
 public:
  double Step(double parameter, double gradient, double learning_rate, double epsilon) {
    ++steps_;
    moment1_ = 0.9 * moment1_ + 0.1 * gradient;
    moment2_ = 0.999 * moment2_ + 0.001 * gradient * gradient;
    const double mean = moment1_ / (1 - std::pow(0.9, steps_));
    const double deviation = std::sqrt(moment2_ / (1 - std::pow(0.999, steps_)));
    return parameter - learning_rate * mean / (deviation + epsilon);
  }

 private:
  int steps_ = 0;
  double moment1_ = 0;
  double moment2_ = 0;
};

TEST(AdamTest, StepsAsTorchDocumentsForEveryElement) {
  constexpr double kEpsilon = 1e-5;
  // Not a multiple of a vector register, to test the kernel's tail.
  at::Tensor parameter = at::linspace(-1, 1, 37);
  at::Tensor other = at::ones({1});
  at::Tensor gradient = at::zeros({37});
  at::Tensor other_gradient = at::zeros({1});
  Adam adam({parameter, other}, {gradient, other_gradient}, kEpsilon);
  std::vector<ScalarAdam> reference(38);
  std::vector<double> expected(38);
  for (int i = 0; i < 37; ++i) expected[i] = parameter[i].item<double>();
  expected[37] = 1;
  for (int step = 1; step <= 20; ++step) {
    const double learning_rate = 0.01 / step;
    for (int i = 0; i < 38; ++i) {
      const double value = std::sin(i + 0.7 * step) * std::pow(10, i % 7 - 5);
      (i < 37 ? gradient[i] : other_gradient[0]).fill_(value);
      expected[i] = reference[i].Step(expected[i], value, learning_rate, kEpsilon);
    }
    adam.Step(learning_rate);
  }
  for (int i = 0; i < 37; ++i) EXPECT_NEAR(parameter[i].item<double>(), expected[i], 2e-6) << i;
  EXPECT_NEAR(other.item<double>(), expected[37], 2e-6);
}

TEST(AdamTest, RestoredStateContinuesBitIdentically) {
  auto run = [](int restart_at) {
    at::Tensor parameter = at::ones({5});
    at::Tensor gradient = at::zeros({5});
    auto adam = std::make_unique<Adam>(std::vector<at::Tensor>{parameter},
                                       std::vector<at::Tensor>{gradient}, 1e-8);
    for (int step = 0; step < 10; ++step) {
      if (step == restart_at) {
        const NamedTensors saved = adam->State("x");
        adam = std::make_unique<Adam>(std::vector<at::Tensor>{parameter},
                                      std::vector<at::Tensor>{gradient}, 1e-8);
        const NamedTensors fresh = adam->State("x");
        for (size_t i = 0; i < saved.size(); ++i) fresh[i].second.copy_(saved[i].second);
      }
      gradient.copy_(at::linspace(-1, 2, 5) * step);
      adam->Step(1e-2);
    }
    return parameter;
  };
  EXPECT_TRUE(at::equal(run(-1), run(6)));
}

}  // namespace
}  // namespace armature
