// What the kit's hooks and declarations cost: nanoseconds of a control step of a task whose world
// is empty, by what it declares. One thread, in process.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/kit/task_env.h"

namespace armature {
namespace {

struct Size {
  int fields = 1;  // Of one element each.
  int elements = 1;
  int rewards = 0;
  int metrics = 0;
  int terminations = 0;
  int physics_steps = 1;
  bool ends_between_physics_steps = false;
};

class Declares : public Task {
 public:
  explicit Declares(const Size& size) : size_(size) {}

  void Build(TaskBuilder& task) override {
    task.SetTime(0.01, size_.physics_steps, /*horizon_s=*/0);
    task.SetAction(1, -1, 1);
    for (int i = 0; i < size_.fields; ++i) {
      fields_.push_back(task.AddField(absl::StrCat("field", i), size_.elements));
    }
    for (int i = 0; i < size_.rewards; ++i) {
      rewards_.push_back(task.AddReward(absl::StrCat("term", i), 1));
    }
    for (int i = 0; i < size_.metrics; ++i) {
      metrics_.push_back(
          task.AddMetric(absl::StrCat("metric", i), v1::MetricSpec::AGGREGATION_MEAN));
    }
    for (int i = 0; i < size_.terminations; ++i) {
      task.AddTermination(absl::StrCat("cause", i));
    }
    if (size_.ends_between_physics_steps) task.EndBetweenPhysicsSteps();
  }
  void Reset() override {}
  void Act(absl::Span<const float> action) override { action_ = action[0]; }
  void Observe(ObservationWriter& out) override {
    for (const Field field : fields_) {
      for (float& element : out[field]) element = action_;
    }
  }
  void Reward(RewardTerms& out) override {
    for (const RewardTerm term : rewards_) out.Add(term, action_);
  }
  void Report(MetricValues& out) override {
    for (const Metric metric : metrics_) out.Set(metric, action_);
  }

 private:
  const Size size_;
  std::vector<Field> fields_;
  std::vector<RewardTerm> rewards_;
  std::vector<Metric> metrics_;
  float action_ = 0;
};

void Step(benchmark::State& state, const Size& size) {
  auto env = TaskEnv::Create("declares", [&] { return std::make_unique<Declares>(size); }, {});
  if (!env.ok()) {
    state.SkipWithError(env.status().ToString().c_str());
    return;
  }
  std::vector<std::vector<uint8_t>> memory;
  for (const FieldSpec& field : (*env)->spec().observation) memory.emplace_back(field.bytes());
  std::vector<absl::Span<uint8_t>> fields;
  for (std::vector<uint8_t>& bytes : memory) fields.push_back(absl::MakeSpan(bytes));
  Observation observation(fields);
  std::vector<float> metrics((*env)->spec().metrics.size());
  const std::array<float, 1> action = {0.5f};
  (*env)->Reset(0, observation);
  for (auto _ : state) {
    (*env)->Step(action, observation);
    (*env)->ReadMetrics(absl::MakeSpan(metrics));
  }
}

int Main(int argc, char** argv) {
  const auto add = [](const char* name, void (*change)(Size&)) {
    Size size;
    change(size);
    benchmark::RegisterBenchmark(name, [size](benchmark::State& state) { Step(state, size); });
  };
  add("least", [](Size&) {});
  add("33_more_fields", [](Size& size) { size.fields = 34; });
  add("33_more_elements", [](Size& size) { size.elements = 34; });
  add("10_reward_terms", [](Size& size) { size.rewards = 10; });
  add("10_metrics", [](Size& size) { size.metrics = 10; });
  add("10_terminations", [](Size& size) { size.terminations = 10; });
  add("100_physics_steps", [](Size& size) { size.physics_steps = 100; });
  add("100_physics_steps_that_may_end", [](Size& size) {
    size.physics_steps = 100;
    size.ends_between_physics_steps = true;
  });
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
