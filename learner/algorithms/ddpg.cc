#include "learner/algorithms/ddpg.h"

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

absl::StatusOr<std::unique_ptr<Ddpg>> Ddpg::Create(const DdpgConfig& config,
                                                   const v1::PolicySpec& spec, uint64_t seed,
                                                   c10::Device device,
                                                   const NetworkOptions& network,
                                                   const DemonstrationsConfig& demonstrations) {
  if (spec.head() != v1::PolicySpec::HEAD_TANH) {
    return absl::InvalidArgumentError(absl::StrCat("DDPG needs a deterministic policy, not ",
                                                   v1::PolicySpec::Head_Name(spec.head())));
  }
  absl::StatusOr<std::unique_ptr<PolicyNetwork>> policy = PolicyNetwork::Create(spec, device);
  if (!policy.ok()) return policy.status();
  return absl::WrapUnique(new Ddpg(config, std::move(*policy), seed, network, demonstrations));
}

Ddpg::Ddpg(const DdpgConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
           const NetworkOptions& network, const DemonstrationsConfig& demonstrations)
    : config_(config),
      demonstrations_(demonstrations),
      policy_(std::move(policy)),
      actor_(*policy_),
      critic_(*policy_, /*members=*/1, ParseCriticLoss(config.critic_loss),
              network.critic_hidden_sizes),
      scalars_({"train/critic_loss", "train/actor_loss", "train/learning_rate"}, policy_->device()),
      cloning_scalars_(CloningScalars(), policy_->device()) {
  // Weights are drawn on the CPU: the same on every device.
  at::Generator initializer = MakeGenerator(c10::kCPU, Rng({seed, 0}).Bits());
  actor_.Init(network.policy({}), initializer);
  critic_.Init(network.critic({}), initializer);
  if (policy_->spec().normalize_observation()) normalizer_.emplace(*policy_, network.goals);
}

void Ddpg::set_gradient_exchange(GradientExchange* exchange) {
  actor_.set_gradient_exchange(exchange);
  critic_.set_gradient_exchange(exchange);
}

void Ddpg::ObserveNew(const at::Tensor& observation) {
  if (normalizer_) normalizer_->Observe(observation);
}

void Ddpg::Update(const TransitionSample& sample, double progress) {
  const c10::InferenceMode inference;
  const double learning_rate =
      ScheduledLearningRate(config_.learning_rate, config_.learning_rate_schedule, progress);
  const at::Tensor observation = policy_->Normalize(sample.observation);
  const at::Tensor next_observation = policy_->Normalize(sample.next_observation);

  // y = r + discount (1 - d) Q'(s', mu'(s'))
  const at::Tensor next_value =
      critic_.TargetMin(next_observation, actor_.TargetAct(next_observation));
  const at::Tensor y = BootstrappedReturn(sample, next_value);
  const at::Tensor critic_loss =
      critic_.Regress(observation, sample.action, y, sample.weight, learning_rate);

  // J_pi = mean -Q(s, mu(s)) + action_l2 mean mu(s)^2
  const at::Tensor action = actor_.Act(observation);
  const std::optional<Cloning> cloning =
      Clone(demonstrations_, sample, LastRows(action, sample.demonstrations), &critic_);
  if (cloning) cloning_scalars_.Add(cloning->scalars());
  const Critics::ActionValue value = critic_.First(action);
  const at::Tensor actor_loss = actor_.Step(value, config_.action_l2, learning_rate, cloning);

  critic_.UpdateTargets(config_.tau);
  actor_.UpdateTarget(config_.tau);
  scalars_.Add({critic_loss, actor_loss, at::full({}, learning_rate, y.options())});
  ++learner_steps_;
}

Scalars Ddpg::TakeScalars() {
  Scalars scalars;
  scalars_.Take(&scalars);
  cloning_scalars_.Take(&scalars);
  return scalars;
}

std::string Ddpg::NonFiniteScalar() const { return FirstNonFinite({&scalars_, &cloning_scalars_}); }

NamedTensors Ddpg::State() const {
  NamedTensors state = policy_->tensors();
  Append(actor_.State(), &state);
  Append(critic_.State(), &state);
  if (normalizer_) Append(normalizer_->State(), &state);
  state.emplace_back("learner_steps", at::scalar_tensor(learner_steps_, at::kLong));
  return state;
}

absl::Status Ddpg::LoadState(const std::map<std::string, at::Tensor>& state) {
  if (absl::Status status = CopyState(state, State()); !status.ok()) return status;
  learner_steps_ = state.at("learner_steps").item<int64_t>();
  if (normalizer_) normalizer_->Republish();
  return absl::OkStatus();
}

}  // namespace armature
