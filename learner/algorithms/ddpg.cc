#include "learner/algorithms/ddpg.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "c10/core/InferenceMode.h"
#include "learner/nn/learning_rate.h"
#include "learner/nn/state.h"

namespace armature {

absl::StatusOr<std::unique_ptr<Ddpg>> Ddpg::Create(const DdpgConfig& config,
                                                   const v1::PolicySpec& spec, uint64_t seed,
                                                   c10::Device device,
                                                   const NetworkOptions& network,
                                                   const DemonstrationsConfig& demonstrations) {
  absl::StatusOr<std::unique_ptr<PolicyNetwork>> policy =
      MakePolicy(spec, device, "DDPG", "a deterministic policy", {v1::PolicySpec::HEAD_TANH});
  if (!policy.ok()) return policy.status();
  return absl::WrapUnique(new Ddpg(config, std::move(*policy), seed, network, demonstrations));
}

Ddpg::Ddpg(const DdpgConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
           const NetworkOptions& network, const DemonstrationsConfig& demonstrations)
    : TrainedPolicy(std::move(policy), seed, /*draws=*/false, network),
      config_(config),
      demonstrations_(demonstrations),
      actor_(this->policy()),
      critic_(this->policy(), /*members=*/1, ParseCriticLoss(config.critic_loss), network),
      scalars_(AddScalars({"train/critic_loss", "train/actor_loss", "train/learning_rate"})),
      cloning_scalars_(AddScalars(CloningScalars())) {
  at::Generator initializer = MakeInitializer(seed);
  actor_.Init(network.policy({}), initializer);
  critic_.Init(network.critic({}), initializer);
}

void Ddpg::set_gradient_exchange(GradientExchange* exchange) {
  actor_.set_gradient_exchange(exchange);
  critic_.set_gradient_exchange(exchange);
}

void Ddpg::Update(const TransitionSample& sample, double progress) {
  const c10::InferenceMode inference;
  const double learning_rate =
      ScheduledLearningRate(config_.learning_rate, config_.learning_rate_schedule, progress);
  const at::Tensor observation = policy().Normalize(sample.observation);
  const at::Tensor next_observation = policy().Normalize(sample.next_observation);

  // y = r + discount (1 - d) Q'(s', mu'(s'))
  const at::Tensor next_value =
      critic_.TargetMin(next_observation, actor_.TargetAct(next_observation));
  const at::Tensor y = BootstrappedReturn(sample, next_value);
  const at::Tensor critic_loss =
      critic_.Update(observation, sample.action, y, sample.weight, learning_rate);

  // J_pi = mean -Q(s, mu(s)) + action_l2 mean mu(s)^2
  const DeterministicActor::Actions actions = actor_.Act(observation);
  const std::optional<Cloning> cloning =
      Clone(demonstrations_, sample, observation, LastRows(actions.action, sample.demonstrations),
            [this](const at::Tensor& s, const at::Tensor& a) { return critic_.Min(s, a); });
  if (cloning) cloning_scalars_.Add(cloning->scalars());
  const ActionValue value = critic_.FirstValue(observation, actions.action);
  const at::Tensor actor_loss =
      actor_.Step(actions, value, config_.action_l2, learning_rate, cloning);

  critic_.UpdateTargets(config_.tau);
  actor_.UpdateTarget(config_.tau);
  scalars_.Add({critic_loss, actor_loss, at::full({}, learning_rate, y.options())});
  CountStep();
}

NamedTensors Ddpg::Networks() const {
  NamedTensors networks = actor_.State();
  Append(critic_.State(), &networks);
  return networks;
}

}  // namespace armature
