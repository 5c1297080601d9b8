// Nanoseconds for the 12 joints of a quadruped, with the network of Hwangbo et al. 2019:
//   bazel run //envserver/actuators:actuator_benchmark
#include <memory>
#include <string>
#include <vector>

#include "Eigen/Core"
#include "benchmark/benchmark.h"
#include "envserver/actuators/layers.h"
#include "envserver/actuators/network_actuator.h"
#include "envserver/actuators/pd_actuator.h"
#include "envserver/actuators/testing/network_file.h"

namespace armature {
namespace {

constexpr int kJoints = 12;

NetworkFile TheFile() { return RandomNetworkFile({6, 32, 32, 32}, "softsign"); }

void Torques(benchmark::State& state, Actuator& actuator) {
  std::vector<double> position(kJoints, 0.1), velocity(kJoints, -0.5), torque(kJoints);
  const std::vector<double> target(kJoints, 0.3);
  actuator.Reset();
  for (auto _ : state) {
    actuator.ComputeTorques({target, position, velocity}, absl::MakeSpan(torque));
    for (int i = 0; i < kJoints; ++i) position[i] = 0.001 * torque[i];
  }
}

void BM_PdActuator(benchmark::State& state) {
  PdActuator actuator({50, 0.2}, std::vector<double>(kJoints, 40));
  Torques(state, actuator);
}
BENCHMARK(BM_PdActuator);

void BM_NetworkActuator(benchmark::State& state) {
  const auto network = ActuatorNetwork::Parse(TheFile().Content());
  const auto actuator = NetworkActuator::Create(network.value(), kJoints, 0.0025);
  Torques(state, **actuator);
}
BENCHMARK(BM_NetworkActuator);

// The forward pass alone, on layers of random numbers.
void Forward(benchmark::State& state, EvaluateLayers evaluate) {
  std::vector<float> numbers(4096, 0.1f), input(kJoints * 6, 0.3f), output(kJoints);
  Layers layers;
  layers.num_hidden = 3;
  const float* next = numbers.data();
  for (int i = 0; i < 3; ++i) {
    const int inputs = i == 0 ? 6 : 32;
    layers.hidden[i] = {inputs, 32, next, next + 32 * inputs};
    next += 32 * inputs + 32;
  }
  layers.output_weight = next;
  for (auto _ : state) {
    evaluate(layers, input.data(), kJoints, output.data());
    input[0] = output[0];
  }
}
BENCHMARK_CAPTURE(Forward, Baseline, EvaluateLayersBaseline);
BENCHMARK_CAPTURE(Forward, Avx2, EvaluateLayersAvx2);

// The same in Eigen, as one would write it: sizes known at run time, joints as columns.
void BM_EigenDynamic(benchmark::State& state) {
  const NetworkFile file = TheFile();
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  std::vector<Matrix> weights;
  std::vector<Eigen::VectorXf> biases;
  for (int i = 0; i < 4; ++i) {
    const auto& weight = file.tensors.at("layer." + std::to_string(i) + ".weight");
    const auto& bias = file.tensors.at("layer." + std::to_string(i) + ".bias");
    weights.push_back(
        Eigen::Map<const Matrix>(weight.values.data(), weight.shape[0], weight.shape[1]));
    biases.push_back(Eigen::Map<const Eigen::VectorXf>(bias.values.data(), bias.shape[0]));
  }
  Eigen::MatrixXf input = Eigen::MatrixXf::Constant(6, kJoints, 0.3f);
  for (auto _ : state) {
    Eigen::MatrixXf x = input;
    for (int i = 0; i < 4; ++i) {
      x = ((weights[i] * x).colwise() + biases[i]).eval();
      if (i < 3) x = (x.array() / (1 + x.array().abs())).matrix();
    }
    input(0, 0) = x(0, 0);
  }
}
BENCHMARK(BM_EigenDynamic);

}  // namespace
}  // namespace armature

BENCHMARK_MAIN();
