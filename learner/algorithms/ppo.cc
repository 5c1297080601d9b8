#include "learner/algorithms/ppo.h"

#include <cmath>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "c10/core/InferenceMode.h"
#include "common/policy/distributions.h"
#include "learner/algorithms/gae.h"
#include "learner/nn/learning_rate.h"
#include "learner/nn/state.h"

namespace armature {
namespace {

// What the reference implementation does in addition to the paper (Engstrom et al. 2020,
// arXiv:2005.12729).
constexpr double kAdamEpsilon = 1e-5;
constexpr double kValueOutputGain = 1;

// For kl_adaptive, as in rsl_rl and raisimGym.
constexpr double kRateMin = 1e-5;
constexpr double kRateMax = 1e-2;

const double kUnitGaussianEntropy = 0.5 + 0.5 * std::log(2 * M_PI);
constexpr double kAdvantageStdMin = 1e-8;
constexpr double kGradientNormMin = 1e-6;  // As in torch.nn.utils.clip_grad_norm_.

MlpShape ActorShape(const v1::PolicySpec& spec) {
  return ShapeLike(spec, 1, spec.observation_size(), spec.action_size());
}

MlpShape ValueShape(const v1::PolicySpec& spec, const NetworkOptions& network) {
  return network.CriticShape(spec, 1, spec.observation_size(), 1);
}

int64_t RowsOfMinibatch(const PpoConfig& config) {
  return config.symmetry == "augment" ? 2 * config.minibatch_size : config.minibatch_size;
}

}  // namespace

// Views of the rows [M, ..] that a minibatch gathers.
struct Ppo::Minibatch {
  Minibatch(const at::Tensor& rows, int64_t observation_size) {
    int64_t column = 0;
    auto take = [&](int64_t count) {
      column += count;
      return rows.narrow(1, column - count, count);
    };
    observation = take(observation_size);
    action = take(rows.size(1) - observation_size - 4);
    old_log_prob = take(1).squeeze(1);
    advantage = take(1).squeeze(1);
    old_value = take(1).squeeze(1);
    const at::Tensor valid = take(1).squeeze(1);
    valid_count = valid.sum().clamp_min_(1);
    weight = valid / valid_count;
  }

  at::Tensor observation;   // [M, D], normalised
  at::Tensor action;        // [M, A]; (Multi)Discrete: [M, C]
  at::Tensor old_log_prob;  // [M]
  at::Tensor advantage;     // [M]
  at::Tensor old_value;     // [M]
  at::Tensor old_head;      // [M, A]: at the set's start; kl_adaptive only
  at::Tensor weight;        // [M]: 1 / valid steps, or 0; a mean is a weighted sum
  at::Tensor valid_count;   // []
};

absl::StatusOr<std::unique_ptr<Ppo>> Ppo::Create(const PpoConfig& config,
                                                 const v1::PolicySpec& spec, uint64_t seed,
                                                 c10::Device device, const NetworkOptions& network,
                                                 const std::optional<MirrorSpec>& mirror) {
  absl::StatusOr<std::unique_ptr<PolicyNetwork>> policy =
      MakePolicy(spec, device, "PPO", "a diagonal Gaussian or categorical policy",
                 {v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, v1::PolicySpec::HEAD_CATEGORICAL});
  if (!policy.ok()) return policy.status();
  std::optional<Mirrors> mirrors;
  if (config.symmetry == "augment") {
    if (!mirror.has_value()) {
      return absl::InvalidArgumentError(
          "algorithm.ppo.symmetry=augment needs an environment that declares a mirror image");
    }
    mirrors =
        Mirrors{SignedColumns(mirror->observation, device), SignedColumns(mirror->action, device)};
  }
  return absl::WrapUnique(new Ppo(config, std::move(*policy), seed, network, std::move(mirrors)));
}

Ppo::Ppo(const PpoConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
         const NetworkOptions& network, std::optional<Mirrors> mirrors)
    : TrainedPolicy(std::move(policy), seed, /*draws=*/true, network),
      config_(config),
      log_std_min_(std::log(config.std_min)),
      mirrors_(std::move(mirrors)),
      value_parameters_(at::zeros({ValueShape(this->policy().spec(), network).parameter_count()},
                                  this->policy().flat_parameters().options())),
      gradient_(at::zeros({this->policy().flat_parameters().numel() + value_parameters_.numel()},
                          value_parameters_.options())),
      policy_gradient_(gradient_.narrow(0, 0, this->policy().flat_parameters().numel())),
      value_gradient_(gradient_.narrow(0, policy_gradient_.numel(), value_parameters_.numel())),
      actor_(ActorShape(this->policy().spec()), this->policy().flat_parameters(), policy_gradient_),
      value_(ValueShape(this->policy().spec(), network), value_parameters_, value_gradient_),
      adam_({this->policy().flat_parameters(), value_parameters_},
            {policy_gradient_, value_gradient_}, kAdamEpsilon),
      actor_activations_(actor_.MakeActivations(RowsOfMinibatch(config))),
      value_activations_(value_.MakeActivations(RowsOfMinibatch(config))),
      minibatch_scalars_(
          AddScalars({"train/policy_loss", "train/value_loss", "train/entropy", "train/approx_kl",
                      "train/clip_fraction", "train/gradient_norm"})),
      set_scalars_(AddScalars({"train/explained_variance", "train/learning_rate"})) {
  at::Generator initializer = MakeInitializer(seed);
  constexpr auto kOrthogonal = Initialization::Kind::kOrthogonal;
  actor_.Init(network.policy({kOrthogonal, kHiddenGain, kPolicyOutputGain}), initializer);
  value_.Init(network.critic({kOrthogonal, kHiddenGain, kValueOutputGain}), initializer);
  if (this->policy().spec().head() == v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN) {
    const int64_t action_size = this->policy().spec().action_size();
    const int64_t first = policy_gradient_.numel() - action_size;
    log_std_ = this->policy().flat_parameters().narrow(0, first, action_size);
    log_std_gradient_ = policy_gradient_.narrow(0, first, action_size);
    log_std_.fill_(config_.initial_log_std);
    old_log_std_ = log_std_.clone();
  } else {
    categorical_.emplace(this->policy().spec(), this->policy().device());
  }
  if (config_.learning_rate_schedule == "kl_adaptive") {
    adapted_rate_ = at::full({}, config_.learning_rate, value_parameters_.options());
  }
}

void Ppo::Update(const TrajectorySet& set, double progress) {
  std::vector<at::Tensor> order;
  for (int64_t epoch = 0; epoch < config_.epochs; ++epoch) {
    order.push_back(
        at::randperm(set.reward.numel(), generator(), set.reward.options().dtype(at::kLong)));
  }
  UpdateInOrder(set, progress, at::stack(order));
}

void Ppo::UpdateInOrder(const TrajectorySet& set, double progress, const at::Tensor& order) {
  const c10::InferenceMode inference;
  const double learning_rate =
      ScheduledLearningRate(config_.learning_rate, config_.learning_rate_schedule, progress);
  const int64_t observation_size = set.observation.size(2);
  at::Tensor rows = MakeRows(set);
  const int64_t steps = rows.size(0);  // S
  if (mirrors_) rows = at::cat({rows, MirrorRows(set, rows)});
  at::Tensor old_head;  // [S or 2 S, A]
  if (adapted_rate_.defined()) {
    Mlp::Activations activations = actor_.MakeActivations(rows.size(0));
    old_head = actor_.Forward(rows.narrow(1, 0, observation_size), &activations)[0];
    if (log_std_.defined()) old_log_std_.copy_(log_std_);
  }
  for (int64_t epoch = 0; epoch < config_.epochs; ++epoch) {
    for (int64_t first = 0; first + config_.minibatch_size <= steps;
         first += config_.minibatch_size) {
      at::Tensor index = order[epoch].narrow(0, first, config_.minibatch_size);
      if (mirrors_) index = at::cat({index, index + steps});
      Minibatch minibatch(rows.index_select(0, index), observation_size);
      if (old_head.defined()) minibatch.old_head = old_head.index_select(0, index);
      UpdateMinibatch(minibatch, learning_rate);
    }
  }
  set_scalars_.Add({ExplainedVariance(rows), adapted_rate_.defined()
                                                 ? adapted_rate_.clone()
                                                 : at::full({}, learning_rate, rows.options())});
  ObserveSet(set);
}

// [S, D + A + 4]: what Minibatch reads.
at::Tensor Ppo::MakeRows(const TrajectorySet& set) {
  const int64_t steps = set.reward.size(0);
  const at::Tensor observation = policy().Normalize(set.observation);  // [T + 1, N, D]
  const at::Tensor value = Values(observation.flatten(0, 1)).view({steps + 1, -1});
  const at::Tensor final_value = Values(policy().Normalize(set.final_observation));
  const at::Tensor advantage =
      Advantages(set, value, final_value, config_.gamma, config_.gae_lambda);
  std::vector<at::Tensor> columns = {observation.narrow(0, 0, steps), set.action};
  for (const at::Tensor& column :
       {set.behaviour_log_prob, advantage, value.narrow(0, 0, steps), set.valid}) {
    columns.push_back(column.unsqueeze(2));
  }
  return at::cat(columns, 2).flatten(0, 1);
}

// [S, D + A + 4]: the mirror images of `rows`.
at::Tensor Ppo::MirrorRows(const TrajectorySet& set, const at::Tensor& rows) const {
  const at::Tensor observation = set.observation.narrow(0, 0, set.reward.size(0)).flatten(0, 1);
  const at::Tensor action = set.action.flatten(0, 1);
  const int64_t mirrored = observation.size(1) + action.size(1);
  return at::cat(
      {policy().Normalize(mirrors_->observation.Mirror(observation)),
       mirrors_->action.Mirror(action), rows.narrow(1, mirrored, rows.size(1) - mirrored)},
      1);
}

void Ppo::ObserveSet(const TrajectorySet& set) {
  const at::Tensor observation = set.observation.narrow(0, 0, set.reward.size(0)).flatten(0, 1);
  ObserveNew(mirrors_ ? at::cat({observation, mirrors_->observation.Mirror(observation)})
                      : observation);
}

at::Tensor Ppo::Values(const at::Tensor& observation) const {
  Mlp::Activations activations = value_.MakeActivations(observation.size(0));
  return value_.Forward(observation, &activations).flatten();
}

// 1 - Var(R - V_old) / Var(R) over the valid steps.
at::Tensor Ppo::ExplainedVariance(const at::Tensor& rows) const {
  const Minibatch all(rows, policy().spec().observation_size());
  const auto variance = [&](const at::Tensor& x) {
    return (all.weight * (x - (all.weight * x).sum()).square()).sum();
  };
  return 1 - variance(all.advantage) /
                 variance(all.advantage + all.old_value).clamp_min_(kAdvantageStdMin);
}

at::Tensor Ppo::KlDivergence(const Minibatch& m, const at::Tensor& head) const {
  if (categorical_) {
    const at::Tensor old_log_probs = categorical_->LogProbs(m.old_head);
    const at::Tensor difference = old_log_probs - categorical_->LogProbs(head);
    return (m.weight * (old_log_probs.exp() * difference).sum(1)).sum();
  }
  const at::Tensor square = (2 * old_log_std_).exp() + (m.old_head - head).square();
  const at::Tensor kl = log_std_ - old_log_std_ + 0.5 * square * (-2 * log_std_).exp() - 0.5;
  return (m.weight * kl.sum(1)).sum();
}

void Ppo::AdaptLearningRate(const at::Tensor& kl) {
  const at::Tensor slower = kl > 2 * config_.desired_kl;
  const at::Tensor faster = (kl > 0).logical_and(kl < config_.desired_kl / 2);
  const double up = config_.kl_adaptive_factor;
  const at::Tensor factor = at::where(slower, 1 / up, at::where(faster, up, 1.0));
  adapted_rate_.mul_(factor).clamp_(kRateMin, kRateMax);
}

void Ppo::UpdateMinibatch(const Minibatch& m, double learning_rate) {
  const at::Tensor head = actor_.Forward(m.observation, &actor_activations_)[0];
  if (adapted_rate_.defined()) AdaptLearningRate(KlDivergence(m, head));
  const PolicyLoss policy = PolicyHeadLoss(m, head);
  actor_.Backward(m.observation, policy.head_gradient.unsqueeze(0), &actor_activations_);

  // d J_value / dV; only the larger of the two squares has a gradient.
  const at::Tensor value = value_.Forward(m.observation, &value_activations_).flatten();  // [M]
  const at::Tensor target = m.advantage + m.old_value;
  const at::Tensor error = value - target;
  at::Tensor square = error.square();
  at::Tensor value_gradient = 2 * error;
  if (config_.value_clip > 0) {
    const at::Tensor change = value - m.old_value;
    const at::Tensor clipped_error =
        m.old_value + change.clamp(-config_.value_clip, config_.value_clip) - target;
    const at::Tensor within = change.abs() <= config_.value_clip;
    value_gradient =
        at::where(square >= clipped_error.square(), value_gradient, 2 * clipped_error * within);
    square = at::maximum(square, clipped_error.square());
  }
  value_.Backward(m.observation, (config_.value_coef * m.weight * value_gradient).view({1, -1, 1}),
                  &value_activations_);

  adam_.AverageGradients();
  const at::Tensor norm = gradient_.norm();
  gradient_.mul_((config_.gradient_norm_max / (norm + kGradientNormMin)).clamp_max_(1));
  if (adapted_rate_.defined()) {
    adam_.Step(adapted_rate_);
  } else {
    adam_.Step(learning_rate);
  }
  if (log_std_.defined()) log_std_.clamp_min_(log_std_min_);
  CountStep();
  minibatch_scalars_.Add({policy.loss, (m.weight * square).sum(), policy.entropy, policy.approx_kl,
                          policy.clip_fraction, norm});
}

// J_pi - entropy_coef mean entropy, and its gradient with respect to the head (and log_std, for a
// Gaussian).
Ppo::PolicyLoss Ppo::PolicyHeadLoss(const Minibatch& m, const at::Tensor& head) {
  const at::Tensor log_probs =
      categorical_ ? categorical_->LogProbs(head) : at::Tensor();  // [M, A]
  const at::Tensor log_prob = categorical_ ? categorical_->LogProb(m.action, log_probs)
                                           : DiagonalGaussianLogProb(m.action, head, log_std_);

  const at::Tensor advantage_mean = (m.weight * m.advantage).sum();
  const at::Tensor deviation = m.advantage - advantage_mean;
  const at::Tensor advantage_std =
      ((m.weight * deviation.square()).sum() * m.valid_count / (m.valid_count - 1).clamp_min(1))
          .sqrt();
  const at::Tensor advantage = deviation / (advantage_std + kAdvantageStdMin);

  const at::Tensor log_ratio = log_prob - m.old_log_prob;
  const at::Tensor ratio = log_ratio.exp();
  const at::Tensor gain = ratio * advantage;
  const at::Tensor clipped_gain =
      ratio.clamp(1 - config_.clip_epsilon, 1 + config_.clip_epsilon) * advantage;
  // d ratio / d log_prob = ratio; the clipped branch is flat.
  const at::Tensor log_prob_gradient =
      (-m.weight * gain * (gain <= clipped_gain)).unsqueeze(1);  // [M, 1]

  PolicyLoss loss;
  if (categorical_) {
    const at::Tensor probs = log_probs.exp();
    const at::Tensor entropy = -categorical_->ComponentSums(probs * log_probs);  // [M, A]
    loss.head_gradient =
        log_prob_gradient * (categorical_->OneHot(m.action) - probs) +
        config_.entropy_coef * m.weight.unsqueeze(1) * probs * (log_probs + entropy);
    loss.entropy = -(m.weight * (probs * log_probs).sum(1)).sum();
  } else {
    const at::Tensor inverse_std = (-log_std_).exp();
    const at::Tensor noise = (m.action - head) * inverse_std;
    loss.head_gradient = log_prob_gradient * noise * inverse_std;
    const at::Tensor gradient =
        (log_prob_gradient * (noise.square() - 1)).sum(0) - config_.entropy_coef;
    log_std_gradient_.copy_(gradient * (log_std_ > log_std_min_).logical_or(gradient < 0));
    loss.entropy = (log_std_ + kUnitGaussianEntropy).sum();
  }
  loss.loss = -(m.weight * at::minimum(gain, clipped_gain)).sum();
  loss.approx_kl = (m.weight * (ratio - 1 - log_ratio)).sum();
  loss.clip_fraction = (m.weight * ((ratio - 1).abs() > config_.clip_epsilon)).sum();
  return loss;
}

NamedTensors Ppo::Networks() const {
  NamedTensors networks = {{"value", value_parameters_}};
  Append(adam_.State("adam"), &networks);
  if (adapted_rate_.defined()) networks.emplace_back("learning_rate", adapted_rate_);
  return networks;
}

}  // namespace armature
