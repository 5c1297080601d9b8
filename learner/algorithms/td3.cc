#include "learner/algorithms/td3.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "c10/core/InferenceMode.h"
#include "learner/nn/learning_rate.h"
#include "learner/nn/state.h"

namespace armature {

absl::StatusOr<std::unique_ptr<Td3>> Td3::Create(const Td3Config& config,
                                                 const v1::PolicySpec& spec, uint64_t seed,
                                                 c10::Device device, const NetworkOptions& network,
                                                 const DemonstrationsConfig& demonstrations) {
  absl::StatusOr<std::unique_ptr<PolicyNetwork>> policy =
      MakePolicy(spec, device, "TD3", "a deterministic policy", {v1::PolicySpec::HEAD_TANH});
  if (!policy.ok()) return policy.status();
  return absl::WrapUnique(new Td3(config, std::move(*policy), seed, network, demonstrations));
}

Td3::Td3(const Td3Config& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
         const NetworkOptions& network, const DemonstrationsConfig& demonstrations)
    : TrainedPolicy(std::move(policy), seed, /*draws=*/true, network),
      config_(config),
      demonstrations_(demonstrations),
      actor_(this->policy()),
      critics_(this->policy(), /*members=*/2, ParseCriticLoss(config.critic_loss), network),
      critic_scalars_(AddScalars({"train/critic_loss", "train/learning_rate"})),
      policy_scalars_(AddScalars({"train/actor_loss"})),
      cloning_scalars_(AddScalars(CloningScalars())) {
  at::Generator initializer = MakeInitializer(seed);
  actor_.Init(network.policy({}), initializer);
  critics_.Init(network.critic({}), initializer);
}

void Td3::set_gradient_exchange(GradientExchange* exchange) {
  actor_.set_gradient_exchange(exchange);
  critics_.set_gradient_exchange(exchange);
}

void Td3::Update(const TransitionSample& sample, double progress) {
  const c10::InferenceMode inference;
  UpdateWithNoise(sample, progress,
                  at::randn(sample.action.sizes(), generator(), sample.action.options()));
}

void Td3::UpdateWithNoise(const TransitionSample& sample, double progress,
                          const at::Tensor& noise) {
  const c10::InferenceMode inference;
  const double learning_rate =
      ScheduledLearningRate(config_.learning_rate, config_.learning_rate_schedule, progress);
  const at::Tensor observation = policy().Normalize(sample.observation);
  const at::Tensor next_observation = policy().Normalize(sample.next_observation);

  // a' = clip(mu'(s') + clip(target_noise_std eps, -target_noise_clip, ..), -1, 1)
  // y  = r + discount (1 - d) min_j Q'_j(s', a')
  const at::Tensor target_noise =
      (noise * config_.target_noise_std)
          .clamp_(-config_.target_noise_clip, config_.target_noise_clip);
  const at::Tensor next_action =
      actor_.TargetAct(next_observation).add_(target_noise).clamp_(-1, 1);
  const at::Tensor y =
      BootstrappedReturn(sample, critics_.TargetMin(next_observation, next_action));

  critic_scalars_.Add({critics_.Update(observation, sample.action, y, sample.weight, learning_rate),
                       at::full({}, learning_rate, y.options())});
  CountStep();
  if (learner_steps() % config_.policy_delay == 0) UpdatePolicy(sample, observation, learning_rate);
}

// J_pi = mean -Q_1(s, mu(s)) + action_l2 mean mu(s)^2, then all targets.
void Td3::UpdatePolicy(const TransitionSample& sample, const at::Tensor& observation,
                       double learning_rate) {
  const DeterministicActor::Actions actions = actor_.Act(observation);
  const std::optional<Cloning> cloning =
      Clone(demonstrations_, sample, observation, LastRows(actions.action, sample.demonstrations),
            [this](const at::Tensor& s, const at::Tensor& a) { return critics_.Min(s, a); });
  if (cloning) cloning_scalars_.Add(cloning->scalars());
  const ActionValue value = critics_.FirstValue(observation, actions.action);
  policy_scalars_.Add({actor_.Step(actions, value, config_.action_l2, learning_rate, cloning)});
  critics_.UpdateTargets(config_.tau);
  actor_.UpdateTarget(config_.tau);
}

NamedTensors Td3::Networks() const {
  NamedTensors networks = actor_.State();
  Append(critics_.State(), &networks);
  return networks;
}

}  // namespace armature
