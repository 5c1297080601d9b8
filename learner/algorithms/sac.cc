#include "learner/algorithms/sac.h"

#include <cmath>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "c10/core/InferenceMode.h"
#include "common/policy/distributions.h"
#include "learner/nn/learning_rate.h"
#include "learner/nn/state.h"

namespace armature {
namespace {

MlpShape ActorShape(const v1::PolicySpec& spec) {
  return ShapeLike(spec, 1, spec.observation_size(), 2 * int64_t{spec.action_size()});
}

}  // namespace

struct Sac::Batch {
  Batch(int64_t batch_size, const Mlp& actor)
      : size(batch_size),
        actor_activations(actor.MakeActivations(2 * size)),
        current_actor_activations(actor_activations.Rows(size, size)) {}

  const int64_t size;  // B

  // The policy for s' (the first B rows) and for s, in one forward pass.
  at::Tensor observation;  // [2 B, D], normalised
  Mlp::Activations actor_activations;
  Mlp::Activations current_actor_activations;  // The rows for s.
  at::Tensor mean;                             // [2 B, A], before it is squashed
  at::Tensor unclamped_log_std;                // [2 B, A]
  at::Tensor std;                              // [2 B, A]
  at::Tensor action;                           // [2 B, A]: a' and a~
  at::Tensor log_prob;                         // [2 B]
  at::Tensor alpha;                            // []
};

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
      target_entropy_(config.target_entropy != 0
                          ? config.target_entropy
                          : -static_cast<double>(this->policy().spec().action_size())),
      policy_gradient_(at::zeros_like(this->policy().flat_parameters())),
      log_alpha_(at::full({1}, std::log(config.initial_temperature), policy_gradient_.options())),
      log_alpha_gradient_(at::zeros_like(log_alpha_)),
      actor_(ActorShape(this->policy().spec()), this->policy().flat_parameters(), policy_gradient_),
      critics_(this->policy(), /*members=*/2, ParseCriticLoss(config.critic_loss),
               network.critic_hidden_sizes),
      policy_adam_({this->policy().flat_parameters()}, {policy_gradient_}, Adam::kDefaultEpsilon),
      log_alpha_adam_({log_alpha_}, {log_alpha_gradient_}, Adam::kDefaultEpsilon),
      scalars_(AddScalars({"train/critic_loss", "train/actor_loss", "train/entropy",
                           "train/temperature", "train/learning_rate"})),
      cloning_scalars_(AddScalars(CloningScalars())) {
  at::Generator initializer = MakeInitializer(seed);
  actor_.Init(network.policy({}), initializer);
  critics_.Init(network.critic({}), initializer);
}

Sac::~Sac() = default;

void Sac::set_gradient_exchange(GradientExchange* exchange) {
  critics_.set_gradient_exchange(exchange);
  policy_adam_.set_gradient_exchange(exchange);
  log_alpha_adam_.set_gradient_exchange(exchange);
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
  const int64_t size = sample.reward.size(0);
  if (!batch_ || batch_->size != size) {
    batch_ = std::make_unique<Batch>(size, actor_);
  }
  DrawActions(sample, noise);
  const at::Tensor critic_loss = UpdateCritics(sample, learning_rate);
  const at::Tensor actor_loss = UpdatePolicy(sample, noise, learning_rate);
  const at::Tensor log_prob_mean = batch_->log_prob.narrow(0, size, size).mean();
  scalars_.Add({critic_loss, actor_loss, -log_prob_mean, batch_->alpha,
                at::full({}, learning_rate, log_prob_mean.options())});
  if (config_.automatic_entropy) {
    // J_alpha = mean -log_alpha (log pi(a~ | s) + H)
    log_alpha_gradient_.copy_(-(log_prob_mean + target_entropy_));
    log_alpha_adam_.AverageGradients();
    log_alpha_adam_.Step(learning_rate);
  }
  critics_.UpdateTargets(config_.tau);
  CountStep();
}

// a' ~ pi(s') and a~ ~ pi(s), as tanh(mean + std noise).
void Sac::DrawActions(const TransitionSample& sample, const at::Tensor& noise) {
  Batch& b = *batch_;
  const int64_t action_size = noise.size(1);
  b.observation = policy().Normalize(at::cat({sample.next_observation, sample.observation}));
  const at::Tensor head = actor_.Forward(b.observation, &b.actor_activations)[0];
  b.mean = head.narrow(1, 0, action_size);
  b.unclamped_log_std = head.narrow(1, action_size, action_size);
  const at::Tensor log_std = b.unclamped_log_std.clamp(kSquashedLogStdMin, kSquashedLogStdMax);
  b.std = log_std.exp();
  const at::Tensor u = at::addcmul(b.mean, b.std, noise);
  b.action = u.tanh();
  b.log_prob = SquashedGaussianLogProb(noise, log_std, u);
  b.alpha = log_alpha_.exp().squeeze(0);
}

// y = r + discount (1 - d) (min_j Q'_j(s', a') - alpha log pi(a' | s'))
// J_Q = sum_j mean w l(Q_j(s, a) - y)
at::Tensor Sac::UpdateCritics(const TransitionSample& sample, double learning_rate) {
  const Batch& b = *batch_;
  const auto next = [&](const at::Tensor& tensor) { return tensor.narrow(0, 0, b.size); };
  const at::Tensor next_value =
      critics_.TargetMin(next(b.observation), next(b.action)) - b.alpha * next(b.log_prob);  // [B]
  const at::Tensor y = BootstrappedReturn(sample, next_value);
  return critics_.Update(b.observation.narrow(0, b.size, b.size), sample.action, y, sample.weight,
                         learning_rate);
}

// J_pi = mean (alpha log pi(a~ | s) - min_j Q_j(s, a~)). With u = atanh(a~):
//   d log pi / du = 2 a~           (from the squashing)
//   d log pi / d log_std = -1      (from the Gaussian; its noise is fixed)
// With demonstrations, policy_weight J_pi + J_c, where d J_c / d mean = (dJ_c / da) (1 - a^2).
at::Tensor Sac::UpdatePolicy(const TransitionSample& sample, const at::Tensor& noise,
                             double learning_rate) {
  Batch& b = *batch_;
  const auto current = [&](const at::Tensor& tensor) { return tensor.narrow(0, b.size, b.size); };
  const at::Tensor action = current(b.action);
  const Critics::ActionValue value = critics_.MinValue(current(b.observation), action);

  // Gradients for B J_pi; divided by B at the end.
  const at::Tensor u_gradient =
      2 * b.alpha * action - value.gradient * (1 - action.square());  // [B, A]
  const at::Tensor unclamped = current(b.unclamped_log_std);
  const at::Tensor within =
      unclamped.ge(kSquashedLogStdMin).logical_and_(unclamped.le(kSquashedLogStdMax));
  const at::Tensor log_std_gradient =
      (u_gradient * current(b.std) * current(noise) - b.alpha) * within;
  at::Tensor head_gradient = at::cat({u_gradient, log_std_gradient}, 1) / b.size;
  at::Tensor loss = (b.alpha * current(b.log_prob) - value.value).mean();
  const int64_t count = sample.demonstrations;
  const at::Tensor mean_action = LastRows(b.mean, count).tanh();
  if (const auto cloning =
          Clone(demonstrations_, sample, current(b.observation), mean_action, &critics_)) {
    cloning_scalars_.Add(cloning->scalars());
    head_gradient.mul_(cloning->policy_weight);
    LastRows(head_gradient.narrow(1, 0, noise.size(1)), count)
        .add_(cloning->gradient * (1 - mean_action.square()));
    loss = loss * cloning->policy_weight + cloning->loss;
  }
  actor_.Backward(current(b.observation), head_gradient.unsqueeze(0), &b.current_actor_activations);
  policy_adam_.AverageGradients();
  policy_adam_.Step(learning_rate);
  return loss;
}

NamedTensors Sac::Networks() const {
  NamedTensors networks = policy_adam_.State("policy_adam");
  Append(critics_.State(), &networks);
  networks.emplace_back("log_alpha", log_alpha_);
  Append(log_alpha_adam_.State("log_alpha_adam"), &networks);
  return networks;
}

}  // namespace armature
