#include "learner/algorithms/sac.h"

#include <numeric>
#include <optional>
#include <utility>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "c10/core/InferenceMode.h"
#include "common/random/rng.h"
#include "learner/nn/learning_rate.h"
#include "learner/nn/state.h"

namespace armature {
namespace {

constexpr uint64_t kTargetCriticStream = 0x7c21;

}  // namespace

absl::StatusOr<std::unique_ptr<Sac>> Sac::Create(const SacConfig& config,
                                                 const v1::PolicySpec& spec, uint64_t seed,
                                                 c10::Device device, const NetworkOptions& network,
                                                 const DemonstrationsConfig& demonstrations) {
  absl::StatusOr<std::unique_ptr<PolicyNetwork>> policy = MakePolicy(
      spec, device, "SAC", "a squashed Gaussian policy", {v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN});
  if (!policy.ok()) return policy.status();
  return absl::WrapUnique(new Sac(config, std::move(*policy), seed, network, demonstrations));
}

Sac::Sac(const SacConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
         const NetworkOptions& network, const DemonstrationsConfig& demonstrations)
    : TrainedPolicy(std::move(policy), seed, /*draws=*/true, network),
      config_(config),
      demonstrations_(demonstrations),
      actor_(this->policy(), config),
      critics_(this->policy(), config.critics, ParseCriticLoss(config.critic_loss), network),
      critic_scalars_(AddScalars({"train/critic_loss", "train/learning_rate"})),
      policy_scalars_(AddScalars({"train/actor_loss", "train/entropy", "train/temperature"})),
      cloning_scalars_(AddScalars(CloningScalars())) {
  at::Generator initializer = MakeInitializer(seed);
  actor_.Init(network.policy({}), initializer);
  critics_.Init(network.critic({}), initializer);
}

void Sac::set_gradient_exchange(GradientExchange* exchange) {
  critics_.set_gradient_exchange(exchange);
  actor_.set_gradient_exchange(exchange);
}

void Sac::Update(const TransitionSample& sample, double progress) {
  const c10::InferenceMode inference;
  UpdateWithNoise(sample, progress,
                  at::randn({2 * sample.action.size(0), sample.action.size(1)}, generator(),
                            sample.action.options()),
                  DrawTargetCritics());
}

void Sac::UpdateWithNoise(const TransitionSample& sample, double progress, const at::Tensor& noise,
                          absl::Span<const int64_t> target_critics) {
  const c10::InferenceMode inference;
  const double learning_rate =
      ScheduledLearningRate(config_.learning_rate, config_.learning_rate_schedule, progress);
  const auto [next, current] = actor_.Draw(
      policy().Normalize(at::cat({sample.next_observation, sample.observation})), noise);

  const at::Tensor y = BootstrappedReturn(sample, NextValue(next, target_critics));
  const at::Tensor critic_loss =
      critics_.Update(current.observation, sample.action, y, sample.weight, learning_rate);
  critic_scalars_.Add({critic_loss, at::full({}, learning_rate, y.options())});
  CountStep();
  if (learner_steps() % config_.policy_delay == 0) UpdatePolicy(sample, current, learning_rate);
  critics_.UpdateTargets(config_.tau);
}

std::vector<int64_t> Sac::DrawTargetCritics() {
  std::vector<int64_t> critics(config_.critics);
  std::iota(critics.begin(), critics.end(), 0);
  Rng rng(
      {generator().current_seed(), kTargetCriticStream, static_cast<uint64_t>(learner_steps())});
  for (int64_t i = 0; i < config_.target_critics; ++i) {  // Fisher and Yates's shuffle, cut short.
    std::swap(critics[i], critics[i + rng.Index(config_.critics - i)]);
  }
  critics.resize(config_.target_critics);
  return critics;
}

at::Tensor Sac::NextValue(const SoftActor::Actions& next,
                          absl::Span<const int64_t> target_critics) {
  const at::Tensor least = config_.target_critics == config_.critics
                               ? critics_.TargetMin(next.observation, next.action)
                               : critics_.TargetMin(next.observation, next.action, target_critics);
  return least - actor_.Temperature() * next.log_prob;
}

// J_pi, then J_alpha.
void Sac::UpdatePolicy(const TransitionSample& sample, const SoftActor::Actions& current,
                       double learning_rate) {
  const std::optional<Cloning> cloning = Clone(
      demonstrations_, sample, current.observation, LastMeanActions(current, sample.demonstrations),
      [this](const at::Tensor& s, const at::Tensor& a) { return critics_.Min(s, a); });
  if (cloning) cloning_scalars_.Add(cloning->scalars());
  const ActionValue value = config_.policy_value == "mean"
                                ? critics_.MeanValue(current.observation, current.action)
                                : critics_.MinValue(current.observation, current.action);
  const at::Tensor alpha = actor_.Temperature();
  policy_scalars_.Add(
      {actor_.Step(current, value, learning_rate, cloning), -current.log_prob.mean(), alpha});
  actor_.StepTemperature(current, learning_rate);
}

NamedTensors Sac::Networks() const {
  NamedTensors networks = actor_.State();
  Append(critics_.State(), &networks);
  return networks;
}

}  // namespace armature
