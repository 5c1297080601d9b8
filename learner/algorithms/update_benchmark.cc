// Measures how fast the algorithms update, compared with the machine's matrix products.
//
//   bazel run -c opt //learner/algorithms:update_benchmark -- --benchmark_min_time=2
//
// Uses one thread unless OMP_NUM_THREADS is set. ARMATURE_DEVICE=cuda measures on the GPU.
#include <cstdlib>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "benchmark/benchmark.h"
#include "common/policy/generator.h"
#include "common/policy/policy_wire.h"
#include "learner/algorithms/ddpg.h"
#include "learner/algorithms/ppo.h"
#include "learner/algorithms/sac.h"
#include "learner/algorithms/td3.h"
#include "learner/algorithms/tqc.h"
#include "learner/replay/replay_store.h"

namespace armature {
namespace {

constexpr int64_t kObservationSize = 24;
constexpr int64_t kActionSize = 4;
constexpr int64_t kBatchSize = 256;

c10::Device Device() {
  const char* name = std::getenv("ARMATURE_DEVICE");
  return *ParseDevice(name ? name : "cpu");
}

// Waits for the device by reading one element.
void Synchronize(const at::Tensor& tensor) { tensor.flatten()[0].item<float>(); }

v1::PolicySpec MakeSpec(v1::PolicySpec::Head head, int64_t units) {
  v1::PolicySpec spec;
  spec.set_head(head);
  spec.set_activation(v1::PolicySpec::ACTIVATION_RELU);
  spec.add_hidden_sizes(units);
  spec.add_hidden_sizes(units);
  spec.set_observation_size(kObservationSize);
  spec.set_action_size(kActionSize);
  return spec;
}

// Passes over a network in one update, on average.
struct Passes {
  double actor_forward;
  double actor_backward;  // For the weights and for the layer's input.
  double critic_forward;
  double critic_backward;
  double critic_to_action;  // For the action's gradient only.
};
// The actor for s and s', the targets, and the critics twice.
constexpr Passes kSacPasses = {2, 1, 6, 2, 2};
// The target actor, targets and critics; in every second update also the actor and Q_1.
constexpr Passes kTd3Passes = {1.5, 0.5, 4.5, 2, 0.5};
constexpr Passes kDdpgPasses = {2, 1, 3, 1, 1};

// Twice the number of multiply-adds. `head` is the actor's number of outputs, `outputs` a critic's.
double Flops(const Passes& passes, double units, double head, double outputs = 1) {
  const double actor = kObservationSize * units + units * units + head * units;
  const double critic = (kObservationSize + kActionSize) * units + units * units + outputs * units;
  const double actor_backward = 2 * actor - kObservationSize * units;
  const double critic_backward = 2 * critic - (kObservationSize + kActionSize) * units;
  const double critic_to_action = critic - kObservationSize * units;
  return 2 * kBatchSize *
         (passes.actor_forward * actor + passes.actor_backward * actor_backward +
          passes.critic_forward * critic + passes.critic_backward * critic_backward +
          passes.critic_to_action * critic_to_action);
}

void BM_MatrixProduct(benchmark::State& state) {
  const int64_t size = state.range(0);
  const auto options = at::TensorOptions().dtype(at::kFloat).device(Device());
  const at::Tensor a = at::randn({kBatchSize, size}, options);
  const at::Tensor b = at::randn({size, size}, options);
  at::Tensor c = at::empty({kBatchSize, size}, options);
  for (auto _ : state) at::mm_out(c, a, b);
  Synchronize(c);
  state.counters["flop/s"] = benchmark::Counter(2.0 * kBatchSize * size * size,
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(BM_MatrixProduct)->Arg(256)->Arg(64)->UseRealTime();

// Sampling from the replay and one gradient step.
void MeasureUpdates(OffPolicyAlgorithm* algorithm, double flops, benchmark::State& state) {
  constexpr int64_t kSteps = 100000;
  const c10::Device device = algorithm->policy().device();
  ReplayStore::Options options;
  options.observation = {{kObservationSize, false}};
  options.action_size = kActionSize;
  options.budget_bytes = int64_t{1} << 30;
  options.rows_max = kSteps + 1;
  options.device = device;
  const auto replay = std::move(*ReplayStore::Create(options));
  const std::vector<float> values(kSteps * kObservationSize, 0.5f);
  const std::vector<uint8_t> flags(kSteps, 0);
  const std::vector<int32_t> slots(kSteps, 0);
  const absl::Span<const float> all(values);
  const absl::Status inserted =
      replay->Insert(1, {all, all.subspan(0, kSteps * kActionSize), all.subspan(0, kSteps), all,
                         flags, flags, slots});
  if (!inserted.ok()) std::abort();
  for (auto _ : state) algorithm->Update((*replay->Sample(kBatchSize, 0))->transitions, 0);
  Synchronize(algorithm->policy().flat_parameters());
  state.SetItemsProcessed(state.iterations());
  state.counters["flop/s"] =
      benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

void BM_SacUpdate(benchmark::State& state) {
  const int64_t units = state.range(0);
  const auto sac = std::move(*Sac::Create(
      SacConfig(), MakeSpec(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN, units), 1, Device()));
  MeasureUpdates(sac.get(), Flops(kSacPasses, units, 2 * kActionSize), state);
}
BENCHMARK(BM_SacUpdate)->Arg(256)->Arg(64)->UseRealTime();

void BM_SacLayerNormUpdate(benchmark::State& state) {
  v1::PolicySpec spec = MakeSpec(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN, state.range(0));
  spec.set_layer_norm(true);
  const auto sac = std::move(*Sac::Create(SacConfig(), spec, 1, Device()));
  MeasureUpdates(sac.get(), Flops(kSacPasses, state.range(0), 2 * kActionSize), state);
}
BENCHMARK(BM_SacLayerNormUpdate)->Arg(256)->Arg(64)->UseRealTime();

// Without the arithmetic of the quantiles.
void BM_TqcUpdate(benchmark::State& state) {
  const int64_t units = state.range(0);
  const TqcConfig config;
  const auto tqc = std::move(
      *Tqc::Create(config, MakeSpec(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN, units), 1, Device()));
  MeasureUpdates(tqc.get(),
                 Flops(kSacPasses, units, 2 * kActionSize, static_cast<double>(config.quantiles)),
                 state);
}
BENCHMARK(BM_TqcUpdate)->Arg(256)->Arg(64)->UseRealTime();

void BM_Td3Update(benchmark::State& state) {
  const int64_t units = state.range(0);
  const auto td3 =
      std::move(*Td3::Create(Td3Config(), MakeSpec(v1::PolicySpec::HEAD_TANH, units), 1, Device()));
  MeasureUpdates(td3.get(), Flops(kTd3Passes, units, kActionSize), state);
}
BENCHMARK(BM_Td3Update)->Arg(256)->Arg(64)->UseRealTime();

void BM_DdpgUpdate(benchmark::State& state) {
  const int64_t units = state.range(0);
  const auto ddpg = std::move(
      *Ddpg::Create(DdpgConfig(), MakeSpec(v1::PolicySpec::HEAD_TANH, units), 1, Device()));
  MeasureUpdates(ddpg.get(), Flops(kDdpgPasses, units, kActionSize), state);
}
BENCHMARK(BM_DdpgUpdate)->Arg(256)->Arg(64)->UseRealTime();

// All epochs over a set of 2048 steps from 16 slots, in minibatches of 64.
void BM_PpoSet(benchmark::State& state) {
  constexpr int64_t kSteps = 128;
  constexpr int64_t kSlots = 16;
  const c10::Device device = Device();
  const auto ppo = std::move(*Ppo::Create(
      PpoConfig(), MakeSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, state.range(0)), 1, device));
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  TrajectorySet set;
  set.observation = at::randn({kSteps + 1, kSlots, kObservationSize}, options);
  set.action = at::randn({kSteps, kSlots, kActionSize}, options);
  set.reward = at::randn({kSteps, kSlots}, options);
  set.terminated = at::zeros({kSteps, kSlots}, options);
  set.truncated = at::zeros({kSteps, kSlots}, options);
  set.valid = at::ones({kSteps, kSlots}, options);
  set.behaviour_log_prob = at::full({kSteps, kSlots}, -5.0, options);
  set.final_observation = at::zeros({0, kObservationSize}, options);
  for (auto _ : state) ppo->Update(set, 0);
  Synchronize(ppo->policy().flat_parameters());
  state.SetItemsProcessed(state.iterations() * kSteps * kSlots);
}
BENCHMARK(BM_PpoSet)->Arg(256)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace armature

int main(int argc, char** argv) {
  if (!std::getenv("OMP_NUM_THREADS")) at::set_num_threads(1);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
