#include "learner/algorithms/sac.h"

#include <cmath>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "c10/core/InferenceMode.h"
#include "common/policy/distributions.h"
#include "common/policy/generator.h"
#include "common/random/rng.h"
#include "learner/algorithms/state.h"

namespace armature {
namespace {

constexpr double kAdamEpsilon = 1e-8;  // torch.optim.Adam's default.

MlpShape ActorShape(const v1::PolicySpec& spec) {
  MlpShape shape;
  shape.sizes = {spec.observation_size()};
  shape.sizes.insert(shape.sizes.end(), spec.hidden_sizes().begin(), spec.hidden_sizes().end());
  shape.sizes.push_back(2 * spec.action_size());
  shape.activation = spec.activation();
  return shape;
}

MlpShape CriticsShape(const v1::PolicySpec& spec) {
  MlpShape shape = ActorShape(spec);
  shape.members = 2;
  shape.sizes.front() = spec.observation_size() + spec.action_size();
  shape.sizes.back() = 1;
  return shape;
}

at::Tensor Zeros(int64_t count, const PolicyNetwork& policy) {
  return at::zeros({count}, policy.flat_parameters().options());
}

}  // namespace

struct Sac::Batch {
  Batch(int64_t batch_size, const v1::PolicySpec& spec, const Mlp& actor, const Mlp& critics,
        const at::TensorOptions& options)
      : size(batch_size),
        actor_tape(actor.MakeTape(2 * size)),
        current_actor_tape(actor_tape.Rows(size, size)),
        critics_tape(critics.MakeTape(size)),
        critic_input(at::empty({size, spec.observation_size() + spec.action_size()}, options)),
        action_gradient(at::empty({2, size, spec.action_size()}, options)) {}

  const int64_t size;  // B

  // The policy at s' (the first B rows) and at s, in one pass.
  at::Tensor observation;  // [2 B, D], normalised
  Mlp::Tape actor_tape;
  Mlp::Tape current_actor_tape;  // The rows of s.
  at::Tensor unclamped_log_std;  // [2 B, A]
  at::Tensor std;                // [2 B, A]
  at::Tensor action;             // [2 B, A]: a' and a~
  at::Tensor log_prob;           // [2 B]
  at::Tensor alpha;              // []

  Mlp::Tape critics_tape;
  at::Tensor critic_input;     // [B, D + A]
  at::Tensor action_gradient;  // [2, B, A]: of each critic
};

absl::StatusOr<std::unique_ptr<Sac>> Sac::Create(const SacConfig& config,
                                                 const v1::PolicySpec& spec, uint64_t seed,
                                                 c10::Device device) {
  if (spec.head() != v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN) {
    return absl::InvalidArgumentError(absl::StrCat("SAC needs a squashed Gaussian policy, not ",
                                                   v1::PolicySpec::Head_Name(spec.head())));
  }
  absl::StatusOr<std::unique_ptr<PolicyNetwork>> policy = PolicyNetwork::Create(spec, device);
  if (!policy.ok()) return policy.status();
  return absl::WrapUnique(new Sac(config, std::move(*policy), seed));
}

Sac::Sac(const SacConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed)
    : config_(config),
      target_entropy_(config.target_entropy != 0
                          ? config.target_entropy
                          : -static_cast<double>(policy->spec().action_size())),
      policy_(std::move(policy)),
      generator_(MakeGenerator(policy_->device(), Rng({seed, 1}).Bits())),
      policy_gradient_(at::zeros_like(policy_->flat_parameters())),
      critic_parameters_(Zeros(CriticsShape(policy_->spec()).parameter_count(), *policy_)),
      critic_gradient_(at::zeros_like(critic_parameters_)),
      target_parameters_(at::zeros_like(critic_parameters_)),
      log_alpha_(Zeros(1, *policy_).fill_(std::log(config.initial_temperature))),
      log_alpha_gradient_(Zeros(1, *policy_)),
      actor_(ActorShape(policy_->spec()), policy_->flat_parameters(), policy_gradient_),
      critics_(CriticsShape(policy_->spec()), critic_parameters_, critic_gradient_),
      targets_(CriticsShape(policy_->spec()), target_parameters_, at::Tensor()),
      policy_adam_({policy_->flat_parameters()}, {policy_gradient_}, kAdamEpsilon),
      critic_adam_({critic_parameters_}, {critic_gradient_}, kAdamEpsilon),
      log_alpha_adam_({log_alpha_}, {log_alpha_gradient_}, kAdamEpsilon),
      scalars_({"train/critic_loss", "train/actor_loss", "train/entropy", "train/temperature"},
               policy_->device()) {
  // Weights are drawn on the CPU: the same on every device.
  at::Generator initializer = MakeGenerator(c10::kCPU, Rng({seed, 0}).Bits());
  actor_.InitUniform(initializer);
  critics_.InitUniform(initializer);
  target_parameters_.copy_(critic_parameters_);
  if (policy_->spec().normalize_observation()) normalizer_.emplace(*policy_);
}

Sac::~Sac() = default;

void Sac::ObserveNew(const at::Tensor& observation) {
  if (normalizer_) normalizer_->Observe(observation);
}

void Sac::Update(const TransitionSample& sample) {
  const c10::InferenceMode inference;
  UpdateWithNoise(sample, at::randn({2 * sample.action.size(0), sample.action.size(1)}, generator_,
                                    sample.action.options()));
}

void Sac::UpdateWithNoise(const TransitionSample& sample, const at::Tensor& noise) {
  const c10::InferenceMode inference;
  const int64_t size = sample.reward.size(0);
  if (!batch_ || batch_->size != size) {
    batch_ = std::make_unique<Batch>(size, policy_->spec(), actor_, critics_, noise.options());
  }
  DrawActions(sample, noise);
  const at::Tensor critic_loss = UpdateCritics(sample);
  const at::Tensor actor_loss = UpdatePolicy(noise);
  const at::Tensor log_prob_mean = batch_->log_prob.narrow(0, size, size).mean();
  scalars_.Add({critic_loss, actor_loss, -log_prob_mean, batch_->alpha});
  if (config_.automatic_entropy) {
    // J_alpha = mean -log_alpha (log pi(a~ | s) + H)
    log_alpha_gradient_.copy_(-(log_prob_mean + target_entropy_));
    log_alpha_adam_.Step(config_.learning_rate);
  }
  target_parameters_.lerp_(critic_parameters_, config_.tau);
  ++learner_steps_;
}

// a' ~ pi(s') and a~ ~ pi(s), as tanh(mean + std noise).
void Sac::DrawActions(const TransitionSample& sample, const at::Tensor& noise) {
  Batch& b = *batch_;
  const int64_t action_size = noise.size(1);
  b.observation = policy_->Normalize(at::cat({sample.next_observation, sample.observation}));
  const at::Tensor head = actor_.Forward(b.observation, &b.actor_tape)[0];
  b.unclamped_log_std = head.narrow(1, action_size, action_size);
  const at::Tensor log_std = b.unclamped_log_std.clamp(kSquashedLogStdMin, kSquashedLogStdMax);
  b.std = log_std.exp();
  const at::Tensor u = at::addcmul(head.narrow(1, 0, action_size), b.std, noise);
  b.action = u.tanh();
  b.log_prob = SquashedGaussianLogProb(noise, log_std, u);
  b.alpha = log_alpha_.exp().squeeze(0);
}

// y = r + gamma (1 - d) (min_j Q'_j(s', a') - alpha log pi(a' | s'))
// J_Q = sum_j mean (Q_j(s, a) - y)^2 / 2
at::Tensor Sac::UpdateCritics(const TransitionSample& sample) {
  Batch& b = *batch_;
  at::cat_out(b.critic_input, {b.observation.narrow(0, 0, b.size), b.action.narrow(0, 0, b.size)},
              1);
  const at::Tensor& next_q = targets_.Forward(b.critic_input, &b.critics_tape);  // [2, B, 1]
  const at::Tensor next_value =
      at::minimum(next_q[0], next_q[1]).squeeze(1) - b.alpha * b.log_prob.narrow(0, 0, b.size);
  const at::Tensor y =
      at::addcmul(sample.reward, 1 - sample.terminated, next_value, config_.gamma);  // [B]

  at::cat_out(b.critic_input, {b.observation.narrow(0, b.size, b.size), sample.action}, 1);
  const at::Tensor& q = critics_.Forward(b.critic_input, &b.critics_tape);
  const at::Tensor error = q - y.unsqueeze(1);  // [2, B, 1]
  critics_.Backward(b.critic_input, error / b.size, &b.critics_tape);
  critic_adam_.Step(config_.learning_rate);
  return error.square().sum() / (2 * b.size);
}

// J_pi = mean (alpha log pi(a~ | s) - min_j Q_j(s, a~)), where with u = atanh(a~)
//   d log pi / du = 2 a~           (of the squashing)
//   d log pi / d log_std = -1      (of the Gaussian; its noise is fixed)
at::Tensor Sac::UpdatePolicy(const at::Tensor& noise) {
  Batch& b = *batch_;
  const int64_t action_size = noise.size(1);
  const int64_t observation_size = b.observation.size(1);
  const auto current = [&](const at::Tensor& tensor) { return tensor.narrow(0, b.size, b.size); };
  const at::Tensor action = current(b.action);
  b.critic_input.narrow(1, observation_size, action_size).copy_(action);
  const at::Tensor& q = critics_.Forward(b.critic_input, &b.critics_tape);  // [2, B, 1]
  const at::Tensor first_is_less = (q[0] <= q[1]).to(at::kFloat);
  const at::Tensor value_gradient = at::stack({first_is_less, 1 - first_is_less});
  critics_.BackwardToInput(value_gradient, &b.critics_tape, observation_size, &b.action_gradient);

  // Gradients of B J_pi, divided by B at the end.
  const at::Tensor u_gradient =
      2 * b.alpha * action - b.action_gradient.sum(0) * (1 - action.square());  // [B, A]
  const at::Tensor unclamped = current(b.unclamped_log_std);
  const at::Tensor within =
      unclamped.ge(kSquashedLogStdMin).logical_and_(unclamped.le(kSquashedLogStdMax));
  const at::Tensor log_std_gradient =
      (u_gradient * current(b.std) * current(noise) - b.alpha) * within;
  const at::Tensor head_gradient = at::cat({u_gradient, log_std_gradient}, 1) / b.size;
  actor_.Backward(current(b.observation), head_gradient.unsqueeze(0), &b.current_actor_tape);
  policy_adam_.Step(config_.learning_rate);
  return (b.alpha * current(b.log_prob) - at::minimum(q[0], q[1]).squeeze(1)).mean();
}

Scalars Sac::TakeScalars() {
  Scalars scalars;
  scalars_.Take(&scalars);
  return scalars;
}

NamedTensors Sac::State() const {
  NamedTensors state = policy_->tensors();
  state.emplace_back("critics", critic_parameters_);
  state.emplace_back("target_critics", target_parameters_);
  state.emplace_back("log_alpha", log_alpha_);
  auto append = [&](const NamedTensors& more) {
    state.insert(state.end(), more.begin(), more.end());
  };
  append(policy_adam_.State("policy_adam"));
  append(critic_adam_.State("critic_adam"));
  append(log_alpha_adam_.State("log_alpha_adam"));
  if (normalizer_) append(normalizer_->State());
  state.emplace_back("generator", generator_.get_state());
  state.emplace_back("learner_steps", at::scalar_tensor(learner_steps_, at::kLong));
  return state;
}

absl::Status Sac::LoadState(const std::map<std::string, at::Tensor>& state) {
  if (absl::Status status = CopyState(state, State()); !status.ok()) return status;
  generator_.set_state(state.at("generator").cpu());
  learner_steps_ = state.at("learner_steps").item<int64_t>();
  return absl::OkStatus();
}

}  // namespace armature
