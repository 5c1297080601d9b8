// Measures how long training stands still for a checkpoint of a replay of 1 GiB.
//
//   bazel run -c opt //learner/checkpoint:checkpoint_benchmark -- --folder=DIR
//
// Rows of 24 observations and 4 actions in a full ring, of which 64,000 are new since the
// checkpoint before (1000 a second for a minute). `in_one_file` writes all of it on the trainer's
// thread, as before; `beside` takes a snapshot, and inserts and samples while another thread
// writes. The time is the longest pause: of the snapshot, or of one insert and sample meanwhile.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "benchmark/benchmark.h"
#include "common/sync/steady_time.h"
#include "learner/checkpoint/checkpoint_folder.h"
#include "learner/checkpoint/checkpoint_writer.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/replay/replay_store.h"

namespace armature {
namespace {

constexpr int64_t kObservationSize = 24;
constexpr int64_t kActionSize = 4;
constexpr int64_t kInsertSteps = 64;
constexpr int64_t kBatchSize = 256;
constexpr int64_t kNewSteps = 60000;
constexpr int kCheckpoints = 5;

std::string& Folder() {
  static std::string* const folder = new std::string("/tmp/checkpoint_benchmark");
  return *folder;
}

class Training {
 public:
  explicit Training(bool is_prioritized) : observation_(2 * kInsertSteps * kObservationSize) {
    ReplayStore::Options options;
    options.observation = {{kObservationSize, false}};
    options.action_size = kActionSize;
    options.budget_bytes = int64_t{1} << 30;
    options.rows_max = int64_t{1} << 30;
    if (is_prioritized) options.prioritized.emplace();
    store_ = *ReplayStore::Create(options);
    while (store_->rows() < store_->capacity()) Insert();
  }
  ReplayStore& store() { return *store_; }
  // A slot's observations follow one another.
  void Insert() {
    for (size_t i = 0; i < observation_.size(); ++i) {
      observation_[i] = static_cast<float>(clock_ + i / kObservationSize);
    }
    clock_ += kInsertSteps;
    const size_t size = kInsertSteps * kObservationSize;
    const absl::Span<const float> observation = observation_;
    const bool ok =
        store_
            ->Insert(1, {observation.subspan(0, size), action_, reward_,
                         observation.subspan(kObservationSize, size), zeros_, zeros_, slot_})
            .ok();
    if (!ok) std::abort();
  }
  void Learn() {
    if (!store_->Sample(kBatchSize, 0.5).ok() || !store_->SetErrors(errors_).ok()) std::abort();
  }
  void LearnNewSteps() {
    for (int64_t i = 0; i < kNewSteps; i += kInsertSteps) {
      Insert();
      Learn();
    }
  }

 private:
  std::unique_ptr<ReplayStore> store_;
  int64_t clock_ = 0;
  std::vector<float> observation_;
  const std::vector<float> action_ = std::vector<float>(kInsertSteps * kActionSize, 0.5f);
  const std::vector<float> reward_ = std::vector<float>(kInsertSteps, 1);
  const std::vector<uint8_t> zeros_ = std::vector<uint8_t>(kInsertSteps, 0);
  const std::vector<int32_t> slot_ = std::vector<int32_t>(kInsertSteps, 0);
  const std::vector<float> errors_ = std::vector<float>(kBatchSize, 0.5f);
};

void BM_InOneFile(benchmark::State& state) {
  Training training(state.range(0) != 0);
  const std::string path = Folder() + "/one_file.safetensors";
  for (auto _ : state) {
    training.LearnNewSteps();
    const absl::Time start = SteadyTime();
    const auto written = TensorFile{{}, training.store().State()}.Write(path);
    if (!written.ok()) std::abort();
    state.SetIterationTime(absl::ToDoubleSeconds(SteadyTime() - start));
    state.counters["written_mb"] = 1e-6 * static_cast<double>(written->bytes);
  }
  std::filesystem::remove(path);
}
BENCHMARK(BM_InOneFile)
    ->ArgName("prioritised")
    ->DenseRange(0, 1)
    ->Iterations(kCheckpoints)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

void BM_Beside(benchmark::State& state) {
  Training training(state.range(0) != 0);
  const std::string path = Folder() + "/beside";
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  CheckpointFolder folder(path, /*keep=*/2);
  CheckpointWriter writer(&folder);
  double snapshot_longest = 0;
  double step_longest = 0;
  double usual_longest = 0;
  double first_mb = 0;
  for (auto _ : state) {
    absl::Time before = SteadyTime();
    for (int64_t i = 0; i < kNewSteps; i += kInsertSteps) {
      training.Insert();
      training.Learn();
      const absl::Time after = SteadyTime();
      usual_longest = std::max(usual_longest, absl::ToDoubleSeconds(after - before));
      before = after;
    }
    const absl::Time start = SteadyTime();
    writer.Begin({{}, training.store().StateBesideRows()}, training.store().SnapshotRows());
    absl::Time last = SteadyTime();
    double longest = absl::ToDoubleSeconds(last - start);
    snapshot_longest = std::max(snapshot_longest, longest);
    std::optional<CheckpointWriter::Outcome> outcome;
    while (!outcome.has_value()) {
      training.Insert();
      training.Learn();
      outcome = writer.TakeOutcome();
      const absl::Time now = SteadyTime();
      step_longest = std::max(step_longest, absl::ToDoubleSeconds(now - last));
      last = now;
    }
    if (!outcome->bytes.ok()) std::abort();
    if (first_mb == 0) first_mb = 1e-6 * static_cast<double>(*outcome->bytes);
    state.counters["written_mb"] = 1e-6 * static_cast<double>(*outcome->bytes);
    state.SetIterationTime(std::max(longest, step_longest));
  }
  state.counters["first_mb"] = first_mb;
  state.counters["snapshot_ms"] = 1e3 * snapshot_longest;
  state.counters["step_ms"] = 1e3 * step_longest;
  state.counters["step_without_ms"] = 1e3 * usual_longest;
  std::filesystem::remove_all(path);
}
BENCHMARK(BM_Beside)
    ->ArgName("prioritised")
    ->DenseRange(0, 1)
    ->Iterations(kCheckpoints)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace armature

int main(int argc, char** argv) {
  at::set_num_threads(1);
  benchmark::Initialize(&argc, argv);
  const std::string flag = "--folder=";
  if (argc > 1 && std::string(argv[1]).rfind(flag, 0) == 0) {
    armature::Folder() = std::string(argv[1]).substr(flag.size());
  }
  std::filesystem::create_directories(armature::Folder());
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
