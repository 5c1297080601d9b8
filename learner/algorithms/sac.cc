#include "learner/algorithms/sac.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "c10/core/InferenceMode.h"
#include "learner/nn/learning_rate.h"
#include "learner/nn/state.h"

namespace armature {

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
      critics_(this->policy(), /*members=*/2, ParseCriticLoss(config.critic_loss),
               network.critic_hidden_sizes),
      scalars_(AddScalars({"train/critic_loss", "train/actor_loss", "train/entropy",
                           "train/temperature", "train/learning_rate"})),
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
                            sample.action.options()));
}

void Sac::UpdateWithNoise(const TransitionSample& sample, double progress,
                          const at::Tensor& noise) {
  const c10::InferenceMode inference;
  const double learning_rate =
      ScheduledLearningRate(config_.learning_rate, config_.learning_rate_schedule, progress);
  const auto [next, current] = actor_.Draw(
      policy().Normalize(at::cat({sample.next_observation, sample.observation})), noise);
  const at::Tensor alpha = actor_.Temperature();

  // y = r + discount (1 - d) (min_j Q'_j(s', a') - alpha log pi(a' | s'))
  const at::Tensor next_value =
      critics_.TargetMin(next.observation, next.action) - alpha * next.log_prob;  // [B]
  const at::Tensor y = BootstrappedReturn(sample, next_value);
  const at::Tensor critic_loss =
      critics_.Update(current.observation, sample.action, y, sample.weight, learning_rate);

  // J_pi = mean (alpha log pi(a~ | s) - min_j Q_j(s, a~))
  const std::optional<Cloning> cloning = Clone(
      demonstrations_, sample, current.observation, LastMeanActions(current, sample.demonstrations),
      [this](const at::Tensor& s, const at::Tensor& a) { return critics_.Min(s, a); });
  if (cloning) cloning_scalars_.Add(cloning->scalars());
  const at::Tensor actor_loss = actor_.Step(
      current, critics_.MinValue(current.observation, current.action), learning_rate, cloning);

  // J_alpha = mean -log_alpha (log pi(a~ | s) + H)
  actor_.StepTemperature(current, learning_rate);
  critics_.UpdateTargets(config_.tau);
  scalars_.Add({critic_loss, actor_loss, -current.log_prob.mean(), alpha,
                at::full({}, learning_rate, alpha.options())});
  CountStep();
}

NamedTensors Sac::Networks() const {
  NamedTensors networks = actor_.State();
  Append(critics_.State(), &networks);
  return networks;
}

}  // namespace armature
