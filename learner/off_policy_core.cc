#include "learner/off_policy_core.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/policy/generator.h"
#include "common/random/rng.h"
#include "common/tensor/packed.h"
#include "learner/algorithms/factory.h"

namespace armature {
namespace {

constexpr double kMebibyte = 1 << 20;
constexpr uint64_t kSamplerStream = 0x5a3e;  // Apart from the algorithm's draws.

at::Tensor Count(int64_t value) { return at::full({}, value, at::kLong); }

}  // namespace

absl::StatusOr<std::unique_ptr<OffPolicyCore>> OffPolicyCore::Create(const RunConfig& config,
                                                                     const EnvSpec& env,
                                                                     c10::Device device) {
  absl::StatusOr<std::unique_ptr<OffPolicyAlgorithm>> algorithm =
      MakeOffPolicyAlgorithm(config.algorithm, env, config.run.seed, device);
  if (!algorithm.ok()) return algorithm.status();
  UniformReplay::Options options;
  options.observation_size = env.observation_size();
  options.action_size = env.action.size();
  options.budget_bytes = static_cast<int64_t>(config.replay.budget_mb * kMebibyte);
  options.capacity_max = config.replay.capacity_max;
  options.size_min = config.replay.size_min;
  options.device = device;
  absl::StatusOr<std::unique_ptr<UniformReplay>> replay = UniformReplay::Create(options);
  if (!replay.ok()) return replay.status();
  return std::unique_ptr<OffPolicyCore>(
      new OffPolicyCore(config, device, *std::move(algorithm), *std::move(replay)));
}

OffPolicyCore::OffPolicyCore(const RunConfig& config, c10::Device device,
                             std::unique_ptr<OffPolicyAlgorithm> algorithm,
                             std::unique_ptr<UniformReplay> replay)
    : batch_size_(config.algorithm.off_policy().batch_size),
      random_env_steps_(config.algorithm.off_policy().random_env_steps),
      publish_every_updates_(config.learner.publish_every_updates),
      device_(device),
      algorithm_(std::move(algorithm)),
      replay_(std::move(replay)),
      limiter_({config.replay.samples_per_insert, config.replay.size_min,
                config.replay.samples_per_insert_tolerance}),
      sampler_(MakeGenerator(
          device, Rng({static_cast<uint64_t>(config.run.seed), kSamplerStream}).Bits())) {}

LearningCore::Holding OffPolicyCore::holding() const {
  return {replay_->size(), replay_->size() * replay_->bytes_per_transition(),
          replay_->fill_ratio()};
}

std::string OffPolicyCore::Describe() const {
  const int64_t bytes = replay_->bytes_per_transition();
  return absl::StrFormat("%d bytes a transition, capacity %d (%.0f MiB)", bytes,
                         replay_->capacity(), bytes * replay_->capacity() / kMebibyte);
}

bool OffPolicyCore::CanInsert(int64_t steps) const { return limiter_.CanInsert(steps); }

absl::Status OffPolicyCore::Insert(const v1::ExperienceBatch& batch) {
  const v1::TransitionBatch& steps = batch.transitions();
  TransitionSpans spans;
  spans.observation = TensorValues<float>(steps.observation());
  spans.action = TensorValues<float>(steps.action());
  spans.reward = TensorValues<float>(steps.reward());
  spans.next_observation = TensorValues<float>(steps.next_observation());
  spans.terminated = TensorValues<uint8_t>(steps.terminated());
  replay_->Insert(spans);
  const int64_t n = static_cast<int64_t>(spans.reward.size());
  limiter_.CountInsert(n);
  // from_blob wants a mutable pointer; the tensor is only read.
  const at::Tensor observation =
      at::from_blob(const_cast<float*>(spans.observation.data()),
                    {n, static_cast<int64_t>(spans.observation.size()) / n}, at::kFloat);
  algorithm_->ObserveNew(observation.to(device_));
  return absl::OkStatus();
}

bool OffPolicyCore::CanUpdate() const { return limiter_.CanSample(batch_size_); }

void OffPolicyCore::Update(double) {
  algorithm_->Update(replay_->Sample(batch_size_, sampler_));
  limiter_.CountSample(batch_size_);
}

bool OffPolicyCore::PublishDue(uint64_t env_steps) const {
  if (published_steps_ < 0) return env_steps >= random_env_steps_;
  return algorithm_->learner_steps() - published_steps_ >= publish_every_updates_;
}

void OffPolicyCore::OnPublished(uint64_t) { published_steps_ = algorithm_->learner_steps(); }

std::string OffPolicyCore::WhyNoUpdate() const { return limiter_.WhyNoSample(batch_size_); }

std::string OffPolicyCore::WhyNoInsert(int64_t steps) const { return limiter_.WhyNoInsert(steps); }

NamedTensors OffPolicyCore::State(bool with_experience) const {
  NamedTensors state = algorithm_->State();
  state.emplace_back("sampler.generator", sampler_.get_state());
  if (!with_experience) return state;
  for (auto& tensor : replay_->State()) state.push_back(std::move(tensor));
  state.emplace_back("limiter.inserted", Count(limiter_.inserted()));
  state.emplace_back("limiter.sampled", Count(limiter_.sampled()));
  return state;
}

absl::Status OffPolicyCore::LoadState(const std::map<std::string, at::Tensor>& state) {
  const auto generator = state.find("sampler.generator");
  if (generator == state.end()) {
    return absl::InvalidArgumentError("state has no sampler.generator");
  }
  // Without its replay the limiter begins anew too: both fill from nothing.
  if (state.count("replay.transitions") > 0) {
    const auto inserted = state.find("limiter.inserted");
    const auto sampled = state.find("limiter.sampled");
    if (inserted == state.end() || sampled == state.end()) {
      return absl::InvalidArgumentError("state has a replay but no limiter counts");
    }
    if (absl::Status status = replay_->LoadState(state); !status.ok()) return status;
    limiter_.Restore(inserted->second.item<int64_t>(), sampled->second.item<int64_t>());
  }
  if (absl::Status status = algorithm_->LoadState(state); !status.ok()) return status;
  sampler_.set_state(generator->second);
  return absl::OkStatus();
}

}  // namespace armature
