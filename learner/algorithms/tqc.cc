#include "learner/algorithms/tqc.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "c10/core/InferenceMode.h"
#include "learner/nn/critics.h"
#include "learner/nn/learning_rate.h"
#include "learner/nn/state.h"

namespace armature {
namespace {

constexpr double kHuberDelta = 1;  // kappa in the paper.

// t_k = (2 k - 1) / (2 Q), [Q, 1].
at::Tensor Fractions(int64_t quantiles, const at::TensorOptions& options) {
  const auto count = static_cast<double>(quantiles);
  return ((at::arange(quantiles, options) + 0.5) / count).unsqueeze(1);
}

// Z of the critics' quantiles, [E, B, Q]: their mean, [B].
at::Tensor Mean(const at::Tensor& quantiles) { return quantiles.mean(at::IntArrayRef{0, 2}); }

}  // namespace

absl::StatusOr<std::unique_ptr<Tqc>> Tqc::Create(const TqcConfig& config,
                                                 const v1::PolicySpec& spec, uint64_t seed,
                                                 c10::Device device, const NetworkOptions& network,
                                                 const DemonstrationsConfig& demonstrations) {
  absl::StatusOr<std::unique_ptr<PolicyNetwork>> policy = MakePolicy(
      spec, device, "TQC", "a squashed Gaussian policy", {v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN});
  if (!policy.ok()) return policy.status();
  return absl::WrapUnique(new Tqc(config, std::move(*policy), seed, network, demonstrations));
}

Tqc::Tqc(const TqcConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
         const NetworkOptions& network, const DemonstrationsConfig& demonstrations)
    : TrainedPolicy(std::move(policy), seed, /*draws=*/true, network),
      config_(config),
      demonstrations_(demonstrations),
      actor_(this->policy(), config),
      critics_(this->policy(), config.critics, config.quantiles, network),
      fractions_(Fractions(config.quantiles, critics_.options())),
      scalars_(AddScalars({"train/critic_loss", "train/actor_loss", "train/entropy",
                           "train/temperature", "train/learning_rate"})),
      cloning_scalars_(AddScalars(CloningScalars())) {
  at::Generator initializer = MakeInitializer(seed);
  actor_.Init(network.policy({}), initializer);
  critics_.Init(network.critic({}), initializer);
}

void Tqc::set_gradient_exchange(GradientExchange* exchange) {
  critics_.set_gradient_exchange(exchange);
  actor_.set_gradient_exchange(exchange);
}

void Tqc::Update(const TransitionSample& sample, double progress) {
  const c10::InferenceMode inference;
  UpdateWithNoise(sample, progress,
                  at::randn({2 * sample.action.size(0), sample.action.size(1)}, generator(),
                            sample.action.options()));
}

void Tqc::UpdateWithNoise(const TransitionSample& sample, double progress,
                          const at::Tensor& noise) {
  const c10::InferenceMode inference;
  const double learning_rate =
      ScheduledLearningRate(config_.learning_rate, config_.learning_rate_schedule, progress);
  const auto [next, current] = actor_.Draw(
      policy().Normalize(at::cat({sample.next_observation, sample.observation})), noise);
  const at::Tensor alpha = actor_.Temperature();

  // y_i = r + discount (1 - d) (z'_(i) - alpha log pi(a' | s'))
  const at::Tensor next_value = KeptQuantiles(next.observation, next.action) -
                                (alpha * next.log_prob).unsqueeze(1);  // [B, M]
  const at::Tensor y = BootstrappedReturn(sample, next_value);
  const at::Tensor critic_loss =
      UpdateCritics(current.observation, sample.action, y, sample.weight, learning_rate);

  // J_pi = mean (alpha log pi(a~ | s) - Z(s, a~))
  const std::optional<Cloning> cloning = Clone(demonstrations_, sample, current.observation,
                                               LastMeanActions(current, sample.demonstrations),
                                               [this](const at::Tensor& s, const at::Tensor& a) {
                                                 return Mean(critics_.ForwardApart(s, a));
                                               });
  if (cloning) cloning_scalars_.Add(cloning->scalars());
  const at::Tensor actor_loss =
      actor_.Step(current, MeanValue(current.observation, current.action), learning_rate, cloning);

  // J_alpha = mean -log_alpha (log pi(a~ | s) + H)
  actor_.StepTemperature(current, learning_rate);
  critics_.UpdateTargets(config_.tau);
  scalars_.Add({critic_loss, actor_loss, -current.log_prob.mean(), alpha,
                at::full({}, learning_rate, alpha.options())});
  CountStep();
}

at::Tensor Tqc::KeptQuantiles(const at::Tensor& observation, const at::Tensor& action) {
  const at::Tensor& quantiles = critics_.ForwardTargets(observation, action);  // [E, B, Q]
  const at::Tensor joined = quantiles.transpose(0, 1).flatten(1);              // [B, E Q]
  const int64_t kept = config_.critics * (config_.quantiles - config_.dropped_quantiles);
  return std::get<0>(joined.sort(/*dim=*/1)).narrow(1, 0, kept);
}

// J_Z = mean w rho_tk(y_i - z_jk(s, a)). With e = y_i - z_jk and its slope c = clamp(e):
//   rho_t(e)          = |t - [e < 0]| c (e - c / 2)
//   d rho / d z       = -|t - [e < 0]| c
//   |t - [e < 0]| c   = t c + (1 - 2 t) min(c, 0)
at::Tensor Tqc::UpdateCritics(const at::Tensor& observation, const at::Tensor& action,
                              const at::Tensor& y, const at::Tensor& weight, double learning_rate) {
  const at::Tensor& quantiles = critics_.Forward(observation, action);  // [E, B, Q]
  errors_ = (quantiles.mean(2) - y.mean(1)).abs().mean(0);
  // Of [E, B, Q, M], which is large: few passes, and in place.
  at::Tensor error = y.unsqueeze(1) - quantiles.unsqueeze(3);
  const at::Tensor slope = error.clamp(-kHuberDelta, kHuberDelta);
  const at::Tensor weighted_slope =
      (slope * fractions_).addcmul_(slope.clamp_max(0), 1 - 2 * fractions_);
  const at::Tensor loss = error.sub_(slope, 0.5).mul_(weighted_slope);

  const at::Tensor row_weight = weight / static_cast<double>(loss.numel());  // [B]
  critics_.Step(weighted_slope.sum(3) * row_weight.neg().unsqueeze(1), learning_rate);
  return (loss.sum(at::IntArrayRef{0, 2, 3}) * row_weight).sum();
}

ActionValue Tqc::MeanValue(const at::Tensor& observation, const at::Tensor& action) {
  const at::Tensor& quantiles = critics_.Forward(observation, action);  // [E, B, Q]
  const auto count = static_cast<double>(config_.critics * config_.quantiles);
  const at::Tensor& gradient = critics_.ActionGradient(at::full_like(quantiles, 1 / count));
  return {Mean(quantiles), gradient.sum(0)};
}

NamedTensors Tqc::Networks() const {
  NamedTensors networks = actor_.State();
  Append(critics_.State(), &networks);
  return networks;
}

}  // namespace armature
