// Measures the cost of inserting and sampling.
//
//   bazel run -c opt //learner/replay:replay_benchmark -- --benchmark_min_time=1
//
// Rows of 24 observations and 4 actions, a full ring of 10^6, episodes of 50 steps. With
// ARMATURE_DEVICE=cuda it measures on the GPU.
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "benchmark/benchmark.h"
#include "learner/replay/replay_store.h"

namespace armature {
namespace {

constexpr int64_t kObservationSize = 24;
constexpr int64_t kGoalSize = 3;
constexpr int64_t kActionSize = 4;
constexpr int64_t kCapacity = 1000000;
constexpr int64_t kEpisodeLength = 50;
constexpr int64_t kSlots = 8;
constexpr int64_t kInsertSteps = 64;
constexpr int64_t kBatchSize = 256;

c10::Device Device() {
  const char* name = std::getenv("ARMATURE_DEVICE");
  return c10::Device(name ? name : "cpu");
}

void Synchronize(const at::Tensor& tensor) { tensor.flatten()[0].item<float>(); }

// kInsertSteps steps of kSlots slots in turn; observations are numbered.
class Batch {
 public:
  void Next() {
    for (auto* values : {&observation_, &action_, &reward_, &next_observation_}) values->clear();
    truncated_.clear();
    slot_.clear();
    for (int64_t i = 0; i < kInsertSteps; ++i) {
      const int64_t slot = i % kSlots;
      const int64_t t = clock_ + i / kSlots;
      const bool ends = (t + 1) % kEpisodeLength == 0;
      Fill(&observation_, slot, t);
      Fill(&next_observation_, slot, ends ? -t : t + 1);
      action_.insert(action_.end(), kActionSize, 0.5f);
      reward_.push_back(1);
      truncated_.push_back(ends);
      slot_.push_back(static_cast<int32_t>(slot));
    }
    clock_ += kInsertSteps / kSlots;
  }
  ReplaySteps steps() const {
    return {observation_, action_, reward_, next_observation_, terminated_, truncated_, slot_};
  }

 private:
  static void Fill(std::vector<float>* out, int64_t slot, int64_t t) {
    // Within the integers that float16 represents.
    out->insert(out->end(), kObservationSize - 1, static_cast<float>(t % 2048));
    out->push_back(static_cast<float>(slot));
  }
  int64_t clock_ = 0;
  std::vector<float> observation_, action_, reward_, next_observation_;
  const std::vector<uint8_t> terminated_ = std::vector<uint8_t>(kInsertSteps);
  std::vector<uint8_t> truncated_;
  std::vector<int32_t> slot_;
};

// Reached within 5 cm, as in the robot tasks.
class DistanceReward : public GoalReward {
 public:
  absl::StatusOr<Outcome> Compute(const at::Tensor& achieved, const at::Tensor& desired,
                                  const at::Tensor& /*extra*/) override {
    const at::Tensor reached = ((achieved - desired).square().sum(1) < 0.05 * 0.05).to(at::kFloat);
    return Outcome{reached - 1, at::zeros_like(reached)};
  }
};

enum Kind { kUniform, kThreeStep, kPrioritized, kHindsight, kFloat16 };
constexpr const char* kKindNames[] = {"uniform", "3-step", "prioritised", "hindsight", "float16"};

std::unique_ptr<ReplayStore> MakeStore(int64_t kind) {
  static DistanceReward* const reward = new DistanceReward;
  ReplayStore::Options options;
  options.observation = {
      {kObservationSize - 2 * kGoalSize, false}, {kGoalSize, false}, {kGoalSize, false}};
  options.action_size = kActionSize;
  options.budget_bytes = int64_t{1} << 40;
  options.rows_max = kCapacity;
  options.device = Device();
  if (kind == kThreeStep) options.n_step = 3;
  if (kind == kPrioritized) options.prioritized.emplace();
  if (kind == kFloat16) options.float_type = ObservationStore::FloatType::kFloat16;
  if (kind == kHindsight) {
    options.hindsight.emplace();
    options.hindsight->goals = {kObservationSize - 2 * kGoalSize, kObservationSize - kGoalSize,
                                kGoalSize};
    options.hindsight->reward = reward;
  }
  return *ReplayStore::Create(options);
}

void Fill(ReplayStore* store, Batch* batch) {
  while (store->rows() < store->capacity()) {
    batch->Next();
    if (!store->Insert(1, batch->steps()).ok()) std::abort();
  }
}

void BM_ReplayStoreInsert(benchmark::State& state) {
  const auto store = MakeStore(state.range(0));
  state.SetLabel(kKindNames[state.range(0)]);
  Batch batch;
  Fill(store.get(), &batch);
  for (auto _ : state) {
    state.PauseTiming();
    batch.Next();
    state.ResumeTiming();
    if (!store->Insert(1, batch.steps()).ok()) std::abort();
  }
  state.counters["bytes_per_step"] = static_cast<double>(store->bytes()) / store->steps();
}
BENCHMARK(BM_ReplayStoreInsert)->ArgName("kind")->DenseRange(kUniform, kFloat16);

void BM_ReplayStoreSample(benchmark::State& state) {
  const auto store = MakeStore(state.range(0));
  state.SetLabel(kKindNames[state.range(0)]);
  Batch batch;
  Fill(store.get(), &batch);
  const std::vector<float> errors(kBatchSize, 0.5f);
  for (auto _ : state) {
    const auto sample = store->Sample(kBatchSize, 0.5);
    if (!sample.ok() || !store->SetErrors(errors).ok()) std::abort();
    Synchronize((*sample)->transitions.next_observation);
  }
}
BENCHMARK(BM_ReplayStoreSample)->ArgName("kind")->DenseRange(kUniform, kFloat16);

}  // namespace
}  // namespace armature

int main(int argc, char** argv) {
  at::set_num_threads(1);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
