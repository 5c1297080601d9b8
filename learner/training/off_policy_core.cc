#include "learner/training/off_policy_core.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "common/random/rng.h"
#include "common/tensor/packed.h"
#include "learner/algorithms/factory.h"

namespace armature {
namespace {

constexpr double kMebibyte = 1 << 20;
// These differ from each other and from the algorithm's stream.
constexpr uint64_t kReplayStream = 0x5a3e;
constexpr uint64_t kDemonstrationStream = 0xd3a0;

bool HalvesBatch(const AlgorithmConfig& algorithm) {
  return !algorithm.demonstrations.path.empty() && algorithm.demonstrations.method == "symmetric";
}

// Steps of a batch that come from the replay; if it is halved, an odd one too.
int64_t ReplayBatchSize(const AlgorithmConfig& algorithm) {
  const int64_t batch_size = algorithm.off_policy().batch_size;
  return HalvesBatch(algorithm) ? batch_size - batch_size / 2 : batch_size;
}

at::Tensor Count(int64_t value) { return at::full({}, value, at::kLong); }

absl::StatusOr<ReplayStore::Options> ReplayOptions(const RunConfig& config, const EnvSpec& env,
                                                   c10::Device device, GoalReward* goal_reward) {
  const ReplaySection& replay = config.replay;
  ReplayStore::Options options;
  options.observation = ObservationFields(env);
  options.float_type = replay.observation_type == "float16" ? ObservationStore::FloatType::kFloat16
                                                            : ObservationStore::FloatType::kFloat32;
  options.action_size = env.action.size();
  options.budget_bytes = static_cast<int64_t>(replay.budget_mb * kMebibyte);
  options.rows_max = replay.rows_max;
  options.size_min = replay.size_min;
  options.n_step = replay.n_step;
  options.gamma = config.algorithm.off_policy().gamma;
  options.seed = Rng({static_cast<uint64_t>(config.run.seed), kReplayStream}).Bits();
  options.device = device;
  if (replay.prioritized.enabled) {
    options.prioritized = PrioritizedSampler::Options{
        replay.prioritized.alpha, replay.prioritized.beta, replay.prioritized.epsilon};
  }
  if (goal_reward != nullptr) {
    absl::StatusOr<ReplayStore::Hindsight> hindsight = ReplayStore::HindsightOf(env);
    if (!hindsight.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("replay.hindsight.enabled=true: ", hindsight.status().message()));
    }
    options.hindsight = *hindsight;
    options.hindsight->k = replay.hindsight.k;
    options.hindsight->batches_ahead = replay.hindsight.batches_ahead;
    options.hindsight->reward = goal_reward;
  }
  return options;
}

absl::StatusOr<std::optional<Demonstrations>> ReadDemonstrations(const RunConfig& config,
                                                                 const ReplayStore::Options& replay,
                                                                 const EnvSpec& env) {
  const DemonstrationsConfig& demonstrations = config.algorithm.demonstrations;
  if (demonstrations.path.empty()) return std::nullopt;
  Demonstrations::Options options;
  options.cloned = !HalvesBatch(config.algorithm);
  options.executed = config.algorithm.learns_from_executed();
  options.batch_size =
      options.cloned ? demonstrations.batch_size : config.algorithm.off_policy().batch_size / 2;
  options.n_step = replay.n_step;
  options.gamma = replay.gamma;
  options.seed = Rng({static_cast<uint64_t>(config.run.seed), kDemonstrationStream}).Bits();
  options.device = replay.device;
  absl::StatusOr<Demonstrations> read = Demonstrations::Read(demonstrations.path, env, options);
  if (read.ok()) return *std::move(read);
  return absl::Status(read.status().code(),
                      absl::StrCat("algorithm.demonstrations.path: ", read.status().message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<OffPolicyCore>> OffPolicyCore::Create(const RunConfig& config,
                                                                     const EnvSpec& env,
                                                                     c10::Device device,
                                                                     GoalReward* goal_reward) {
  absl::StatusOr<std::unique_ptr<OffPolicyAlgorithm>> algorithm =
      MakeOffPolicyAlgorithm(config.algorithm, env, config.run.seed, device);
  if (!algorithm.ok()) return algorithm.status();
  absl::StatusOr<ReplayStore::Options> options = ReplayOptions(config, env, device, goal_reward);
  if (!options.ok()) return options.status();
  absl::StatusOr<std::unique_ptr<ReplayStore>> replay = ReplayStore::Create(*options);
  if (!replay.ok()) return replay.status();
  absl::StatusOr<std::optional<Demonstrations>> demonstrations =
      ReadDemonstrations(config, *options, env);
  if (!demonstrations.ok()) return demonstrations.status();
  if (*demonstrations) (*algorithm)->ObserveNew((*demonstrations)->observation());
  return std::unique_ptr<OffPolicyCore>(new OffPolicyCore(
      config, device, *std::move(algorithm), *std::move(replay), *std::move(demonstrations)));
}

OffPolicyCore::OffPolicyCore(const RunConfig& config, c10::Device device,
                             std::unique_ptr<OffPolicyAlgorithm> algorithm,
                             std::unique_ptr<ReplayStore> replay,
                             std::optional<Demonstrations> demonstrations)
    : batch_size_(config.algorithm.off_policy().batch_size),
      replay_batch_size_(ReplayBatchSize(config.algorithm)),
      is_prioritized_(config.replay.prioritized.enabled),
      random_env_steps_(config.algorithm.off_policy().random_env_steps),
      publish_every_updates_(config.learner.publish_every_updates),
      device_(device),
      algorithm_(std::move(algorithm)),
      replay_(std::move(replay)),
      demonstrations_(std::move(demonstrations)),
      limiter_({config.replay.samples_per_insert, config.replay.size_min,
                config.replay.samples_per_insert_tolerance}) {}

LearningCore::Holding OffPolicyCore::holding() const {
  return {replay_->steps(), replay_->rows() * replay_->bytes_per_row(), replay_->fill_ratio()};
}

std::string OffPolicyCore::Describe() const {
  if (!demonstrations_) return replay_->Describe();
  return absl::StrCat(replay_->Describe(), "; ", demonstrations_->steps(), " demonstrated steps");
}

bool OffPolicyCore::CanInsert(int64_t steps) const { return limiter_.CanInsert(steps); }

absl::Status OffPolicyCore::Insert(const ActorKey& actor, const v1::ExperienceBatch& batch) {
  const v1::TransitionBatch& transitions = batch.transitions();
  ReplaySteps steps;
  steps.observation = TensorValues<float>(transitions.observation());
  steps.action = TensorValues<float>(transitions.action());
  steps.reward = TensorValues<float>(transitions.reward());
  steps.next_observation = TensorValues<float>(transitions.next_observation());
  steps.terminated = TensorValues<uint8_t>(transitions.terminated());
  steps.truncated = TensorValues<uint8_t>(transitions.truncated());
  steps.slot = TensorValues<int32_t>(transitions.slot());
  steps.goal_extra = TensorValues<float>(transitions.goal_extra());
  const absl::Status status = replay_->Insert(ActorNumber(actor.first, actor.second), steps);
  if (!status.ok()) return status;
  const int64_t n = static_cast<int64_t>(steps.reward.size());
  limiter_.CountInsert(n);
  // from_blob needs a mutable pointer, but the tensor is only read.
  const at::Tensor observation =
      at::from_blob(const_cast<float*>(steps.observation.data()),
                    {n, static_cast<int64_t>(steps.observation.size()) / n}, at::kFloat);
  algorithm_->ObserveNew(observation.to(device_));
  return absl::OkStatus();
}

bool OffPolicyCore::CanUpdate() const { return limiter_.CanSample(batch_size_); }

absl::Status OffPolicyCore::Update(double progress) {
  const absl::StatusOr<const ReplaySample*> sample = replay_->Sample(replay_batch_size_, progress);
  if (!sample.ok()) return sample.status();
  const TransitionSample& own = (*sample)->transitions;
  last_batch_ = demonstrations_ ? demonstrations_->AppendTo(own, algorithm_->learner_steps()) : own;
  algorithm_->Update(last_batch_, progress);
  limiter_.CountSample(batch_size_);
  if (device_.is_cpu()) {  // On a GPU this would wait for the device; there CheckFinite finds it.
    const std::string found = algorithm_->NonFiniteScalar();
    if (!found.empty()) return absl::DataLossError(found);
  }
  if (!is_prioritized_) return absl::OkStatus();
  const at::Tensor errors =
      algorithm_->TemporalDifferences().narrow(0, 0, replay_batch_size_).cpu();
  const absl::Status status =
      replay_->SetErrors({errors.const_data_ptr<float>(), static_cast<size_t>(errors.numel())});
  return status.ok() ? status : absl::DataLossError(status.message());
}

NamedTensors OffPolicyCore::LastBatch() const {
  if (!last_batch_.reward.defined()) return {};
  return {{"observation", last_batch_.observation},
          {"action", last_batch_.action},
          {"reward", last_batch_.reward},
          {"next_observation", last_batch_.next_observation},
          {"terminated", last_batch_.terminated},
          {"discount", last_batch_.discount},
          {"weight", last_batch_.weight}};
}

bool OffPolicyCore::PublishDue(uint64_t env_steps) const {
  if (published_steps_ < 0) return env_steps >= random_env_steps_;
  return algorithm_->learner_steps() - published_steps_ >= publish_every_updates_;
}

void OffPolicyCore::OnPublished(uint64_t) { published_steps_ = algorithm_->learner_steps(); }

std::string OffPolicyCore::WhyNoUpdate() const { return limiter_.WhyNoSample(batch_size_); }

std::string OffPolicyCore::WhyNoInsert(int64_t steps) const { return limiter_.WhyNoInsert(steps); }

LearningCore::Snapshot OffPolicyCore::SnapshotExperience() {
  Snapshot snapshot = {replay_->StateBesideRows(), replay_->SnapshotRows()};
  snapshot.state.emplace_back("limiter.inserted", Count(limiter_.inserted()));
  snapshot.state.emplace_back("limiter.sampled", Count(limiter_.sampled()));
  return snapshot;
}

absl::Status OffPolicyCore::LoadExperience(const std::map<std::string, at::Tensor>& state) {
  // If the replay is not restored, the limiter starts over too: both begin empty.
  if (state.count("replay.rows_begun") == 0) return absl::OkStatus();
  const auto inserted = state.find("limiter.inserted");
  const auto sampled = state.find("limiter.sampled");
  if (inserted == state.end() || sampled == state.end()) {
    return absl::InvalidArgumentError("state has a replay but no limiter counts");
  }
  if (absl::Status status = replay_->LoadState(state); !status.ok()) return status;
  limiter_.Restore(inserted->second.item<int64_t>(), sampled->second.item<int64_t>());
  return absl::OkStatus();
}

}  // namespace armature
