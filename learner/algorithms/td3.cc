#include "learner/algorithms/td3.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "c10/core/InferenceMode.h"
#include "common/policy/generator.h"
#include "common/random/rng.h"
#include "learner/nn/learning_rate.h"
#include "learner/nn/state.h"

namespace armature {

absl::StatusOr<std::unique_ptr<Td3>> Td3::Create(const Td3Config& config,
                                                 const v1::PolicySpec& spec, uint64_t seed,
                                                 c10::Device device, const NetworkOptions& network,
                                                 const DemonstrationsConfig& demonstrations) {
  if (spec.head() != v1::PolicySpec::HEAD_TANH) {
    return absl::InvalidArgumentError(absl::StrCat("TD3 needs a deterministic policy, not ",
                                                   v1::PolicySpec::Head_Name(spec.head())));
  }
  absl::StatusOr<std::unique_ptr<PolicyNetwork>> policy = PolicyNetwork::Create(spec, device);
  if (!policy.ok()) return policy.status();
  return absl::WrapUnique(new Td3(config, std::move(*policy), seed, network, demonstrations));
}

Td3::Td3(const Td3Config& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
         const NetworkOptions& network, const DemonstrationsConfig& demonstrations)
    : config_(config),
      demonstrations_(demonstrations),
      policy_(std::move(policy)),
      generator_(MakeGenerator(policy_->device(), Rng({seed, 1}).Bits())),
      actor_(*policy_),
      critics_(*policy_, /*members=*/2, ParseCriticLoss(config.critic_loss),
               network.critic_hidden_sizes),
      critic_scalars_({"train/critic_loss", "train/learning_rate"}, policy_->device()),
      policy_scalars_({"train/actor_loss"}, policy_->device()),
      cloning_scalars_(CloningScalars(), policy_->device()) {
  // Weights are drawn on the CPU: the same on every device.
  at::Generator initializer = MakeGenerator(c10::kCPU, Rng({seed, 0}).Bits());
  actor_.Init(network.policy({}), initializer);
  critics_.Init(network.critic({}), initializer);
  if (policy_->spec().normalize_observation()) normalizer_.emplace(*policy_, network.goals);
}

void Td3::set_gradient_exchange(GradientExchange* exchange) {
  actor_.set_gradient_exchange(exchange);
  critics_.set_gradient_exchange(exchange);
}

void Td3::ObserveNew(const at::Tensor& observation) {
  if (normalizer_) normalizer_->Observe(observation);
}

void Td3::Update(const TransitionSample& sample, double progress) {
  const c10::InferenceMode inference;
  UpdateWithNoise(sample, progress,
                  at::randn(sample.action.sizes(), generator_, sample.action.options()));
}

void Td3::UpdateWithNoise(const TransitionSample& sample, double progress,
                          const at::Tensor& noise) {
  const c10::InferenceMode inference;
  const double learning_rate =
      ScheduledLearningRate(config_.learning_rate, config_.learning_rate_schedule, progress);
  const at::Tensor observation = policy_->Normalize(sample.observation);
  const at::Tensor next_observation = policy_->Normalize(sample.next_observation);

  // a' = clip(mu'(s') + clip(target_noise_std eps, -target_noise_clip, ..), -1, 1)
  // y  = r + discount (1 - d) min_j Q'_j(s', a')
  const at::Tensor target_noise =
      (noise * config_.target_noise_std)
          .clamp_(-config_.target_noise_clip, config_.target_noise_clip);
  const at::Tensor next_action =
      actor_.TargetAct(next_observation).add_(target_noise).clamp_(-1, 1);
  const at::Tensor y =
      BootstrappedReturn(sample, critics_.TargetMin(next_observation, next_action));

  critic_scalars_.Add(
      {critics_.Regress(observation, sample.action, y, sample.weight, learning_rate),
       at::full({}, learning_rate, y.options())});
  ++learner_steps_;
  if (learner_steps_ % config_.policy_delay == 0) UpdatePolicy(sample, observation, learning_rate);
}

// J_pi = mean -Q_1(s, mu(s)) + action_l2 mean mu(s)^2, then all targets.
void Td3::UpdatePolicy(const TransitionSample& sample, const at::Tensor& observation,
                       double learning_rate) {
  const at::Tensor action = actor_.Act(observation);
  const std::optional<Cloning> cloning =
      Clone(demonstrations_, sample, LastRows(action, sample.demonstrations), &critics_);
  if (cloning) cloning_scalars_.Add(cloning->scalars());
  const Critics::ActionValue value = critics_.First(action);
  policy_scalars_.Add({actor_.Step(value, config_.action_l2, learning_rate, cloning)});
  critics_.UpdateTargets(config_.tau);
  actor_.UpdateTarget(config_.tau);
}

Scalars Td3::TakeScalars() {
  Scalars scalars;
  critic_scalars_.Take(&scalars);
  policy_scalars_.Take(&scalars);
  cloning_scalars_.Take(&scalars);
  return scalars;
}

std::string Td3::NonFiniteScalar() const {
  return FirstNonFinite({&critic_scalars_, &policy_scalars_, &cloning_scalars_});
}

NamedTensors Td3::Learned() const {
  NamedTensors state = policy_->tensors();
  Append(actor_.State(), &state);
  Append(critics_.State(), &state);
  if (normalizer_) Append(normalizer_->State(), &state);
  state.emplace_back("learner_steps", at::scalar_tensor(learner_steps_, at::kLong));
  return state;
}

NamedTensors Td3::State() const {
  NamedTensors state = Learned();
  AppendGenerator(generator_, &state);
  return state;
}

absl::Status Td3::LoadState(const std::map<std::string, at::Tensor>& state) {
  if (absl::Status status = CopyState(state, Learned()); !status.ok()) return status;
  learner_steps_ = state.at("learner_steps").item<int64_t>();
  LoadGenerator(state, learner_steps_, &generator_);
  if (normalizer_) normalizer_->Republish();
  return absl::OkStatus();
}

}  // namespace armature
