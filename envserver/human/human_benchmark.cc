// How long it takes to ask for a human's pose, and to draw an episode's motions.
//
//   bazel build //envserver/human:human_benchmark
//   taskset -c 1 bazel-bin/envserver/human/human_benchmark
#include <cmath>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "common/random/rng.h"
#include "envserver/human/generate_motion.h"
#include "envserver/human/human_playback.h"

namespace armature {
namespace {

HumanPlayback Generated() {
  std::vector<std::shared_ptr<const HumanMotion>> clips;
  for (absl::string_view name : GeneratedMotionNames()) {
    for (uint64_t seed = 0; seed < 4; ++seed) clips.push_back(GenerateMotion(name, seed).value());
  }
  HumanPlayback playback(clips, {});
  Rng rng({1});
  playback.Reset(rng);
  return playback;
}

void At(benchmark::State& state) {
  const HumanPlayback playback = Generated();
  HumanPose pose;
  double t = 0;
  for (auto _ : state) {
    playback.At(t, &pose);
    benchmark::DoNotOptimize(pose);
    t = std::fmod(t + 0.004, 1000);
  }
}
BENCHMARK(At);

void Reset(benchmark::State& state) {
  HumanPlayback playback = Generated();
  Rng rng({2});
  for (auto _ : state) playback.Reset(rng);
}
BENCHMARK(Reset)->Unit(benchmark::kMillisecond);

void Generate(benchmark::State& state) {
  uint64_t seed = 0;
  for (auto _ : state) benchmark::DoNotOptimize(GenerateMotion("pick", ++seed).value());
}
BENCHMARK(Generate)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace armature

BENCHMARK_MAIN();
