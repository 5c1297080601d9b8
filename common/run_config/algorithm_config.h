// Settings of the algorithms. Each struct's Visit explains its fields.
#ifndef ARMATURE_COMMON_RUN_CONFIG_ALGORITHM_CONFIG_H_
#define ARMATURE_COMMON_RUN_CONFIG_ALGORITHM_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/config/config.h"

namespace armature {

// Fields shared by several algorithms.
inline void VisitLearningRateSchedule(ConfigVisitor& v, std::string& schedule) {
  v.Field("learning_rate_schedule", schedule, "Constant, or linear to 0 at run.total_env_steps.",
          OneOf({"constant", "linear"}));
}
inline void VisitCriticLoss(ConfigVisitor& v, std::string& loss) {
  v.Field("critic_loss", loss,
          "Of a critic's error: half its square; huber: linear in it beyond 1.",
          OneOf({"mse", "huber"}));
}
inline void VisitActionL2(ConfigVisitor& v, double& weight) {
  v.Field("action_l2", weight,
          "Weight of the mean squared action, in [-1, 1], in the actor's loss; 1 is usual with "
          "hindsight replay.",
          AtLeast(0));
}

// Shape of the policy and value networks.
struct NetworkConfig {
  std::vector<int64_t> hidden_sizes = {256, 256};
  std::vector<int64_t> critic_hidden_sizes;
  std::string activation = "relu";
  bool layer_norm = false;
  bool critic_layer_norm = false;
  std::string initialization = "default";
  double hidden_gain = 0;
  double policy_output_gain = 0;
  bool normalize_observation = false;
  double observation_clip = 10;

  void Visit(ConfigVisitor& v) {
    v.Field("hidden_sizes", hidden_sizes, "Units of each hidden layer.", AtLeast(1));
    v.Field("critic_hidden_sizes", critic_hidden_sizes,
            "The same of the critics, or of ppo's value network; empty: hidden_sizes.", AtLeast(1));
    v.Field("activation", activation, "Between layers.",
            OneOf({"relu", "tanh", "elu", "leaky_relu"}));
    v.Field("layer_norm", layer_norm,
            "Normalise the units of each hidden layer over themselves, before the activation.");
    v.Field("critic_layer_norm", critic_layer_norm,
            "The same in the critics, or in ppo's value network, even without layer_norm.");
    v.Field("initialization", initialization,
            "Of all weights at the start. default: orthogonal in ppo; else PyTorch's Linear, "
            "uniform in +-1 / sqrt(inputs).",
            OneOf({"default", "orthogonal", "xavier_uniform", "kaiming_uniform"}));
    v.Field("hidden_gain", hidden_gain,
            "Factor of the hidden layers' weights where initialization is not default; 0: sqrt(2).",
            AtLeast(0));
    v.Field("policy_output_gain", policy_output_gain,
            "The same of the policy's last layer; 0: 0.01 in ppo, else 1.", AtLeast(0));
    v.Field("normalize_observation", normalize_observation,
            "Subtract the running mean of the observations and divide by their deviation; of goals "
            "achieved and desired together.");
    v.Field("observation_clip", observation_clip,
            "Bound of a normalised observation component, in deviations.", MoreThan(0));
  }
};

// Exploration settings of the off-policy algorithms.
struct ExplorationConfig {
  std::string noise = "normal";
  double noise_std = 0.1;
  double ornstein_uhlenbeck_theta = 0.15;
  double ornstein_uhlenbeck_dt = 0.01;
  double parameter_noise_std = 0.1;
  double parameter_noise_factor = 1.01;
  int64_t parameter_noise_steps = 50;
  double random_action_probability = 0;

  void Visit(ConfigVisitor& v) {
    v.Field("noise", noise,
            "Added to the actions of td3 and ddpg: drawn anew each step, or correlated in time; or "
            "parameter: to the weights of the acting policy, for an episode (needs "
            "algorithm.network.layer_norm).",
            OneOf({"normal", "ornstein_uhlenbeck", "parameter", "none"}));
    v.Field("noise_std", noise_std,
            "Deviation of normal noise, sigma of Ornstein-Uhlenbeck's, or the RMS distance of "
            "actions that parameter noise aims at; actions are in [-1, 1].",
            AtLeast(0));
    v.Field("ornstein_uhlenbeck_theta", ornstein_uhlenbeck_theta,
            "Rate at which Ornstein-Uhlenbeck noise returns to 0.", Between(0, 1));
    v.Field("ornstein_uhlenbeck_dt", ornstein_uhlenbeck_dt,
            "Time of the Ornstein-Uhlenbeck process that passes in a control step.", Between(0, 1));
    v.Field("parameter_noise_std", parameter_noise_std,
            "Deviation of parameter noise at the start.", MoreThan(0));
    v.Field("parameter_noise_factor", parameter_noise_factor,
            "What that deviation is multiplied by where actions are nearer than noise_std, and "
            "else divided by.",
            MoreThan(1));
    v.Field("parameter_noise_steps", parameter_noise_steps,
            "Control steps of a slot from one such adaptation to the next.", Between(1, 1000000));
    v.Field("random_action_probability", random_action_probability,
            "Share of steps that act uniformly at random instead (sac, tqc, td3, ddpg).",
            Between(0, 1));
  }
};

// How a soft actor-critic weighs its policy's entropy: of sac and tqc.
struct TemperatureConfig {
  bool automatic_entropy = true;
  double initial_temperature = 1.0;
  // 0 means minus the action size.
  double target_entropy = 0;

 protected:
  void VisitTemperature(ConfigVisitor& v) {
    v.Field("automatic_entropy", automatic_entropy, "Learn the temperature.");
    v.Field("initial_temperature", initial_temperature,
            "Weight of the entropy at the start (throughout, if it is not learned).", MoreThan(0));
    v.Field("target_entropy", target_entropy,
            "Entropy that the temperature aims at, in nats; 0: minus the action size.");
  }
};

// Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905), with an ensemble of critics if wanted
// (Chen et al. 2021, arXiv:2101.05982).
struct SacConfig : TemperatureConfig {
  int64_t batch_size = 256;
  double learning_rate = 3e-4;
  std::string learning_rate_schedule = "constant";
  double gamma = 0.99;
  double tau = 0.005;
  std::string critic_loss = "mse";
  int64_t critics = 2;
  int64_t target_critics = 2;
  std::string policy_value = "minimum";
  int64_t policy_delay = 1;
  int64_t random_env_steps = 1000;

  void Visit(ConfigVisitor& v) {
    v.Field("batch_size", batch_size, "Transitions in a gradient step.", AtLeast(1));
    v.Field("learning_rate", learning_rate, "Of Adam, for actor, critics and temperature.",
            MoreThan(0));
    VisitLearningRateSchedule(v, learning_rate_schedule);
    v.Field("gamma", gamma, "Discount a control step.", Between(0, 1));
    v.Field("tau", tau, "Share of the critics that goes into their targets each step.",
            Between(0, 1));
    VisitCriticLoss(v, critic_loss);
    v.Field("critics", critics, "How many there are; 10 in REDQ and RLPD.", Between(2, 10));
    v.Field("target_critics", target_critics,
            "Of them, drawn anew each step, whose minimum is the target. At most critics.",
            Between(1, 10));
    v.Field("policy_value", policy_value,
            "What of all critics the policy raises; REDQ and RLPD: the mean.",
            OneOf({"minimum", "mean"}));
    v.Field("policy_delay", policy_delay,
            "Critic steps for each step of policy and temperature; 20 in REDQ and RLPD.",
            AtLeast(1));
    VisitTemperature(v);
    v.Field("random_env_steps", random_env_steps,
            "Act uniformly at random until this many env steps.", AtLeast(0));
  }
};

// Truncated quantile critics (Kuznetsov et al. 2020, arXiv:2005.04269). Defaults as in sb3-contrib,
// except for the random steps, as in SAC.
struct TqcConfig : TemperatureConfig {
  int64_t batch_size = 256;
  double learning_rate = 3e-4;
  std::string learning_rate_schedule = "constant";
  double gamma = 0.99;
  double tau = 0.005;
  int64_t critics = 2;
  int64_t quantiles = 25;
  int64_t dropped_quantiles = 2;
  int64_t random_env_steps = 1000;

  void Visit(ConfigVisitor& v) {
    v.Field("batch_size", batch_size, "Transitions in a gradient step.", AtLeast(1));
    v.Field("learning_rate", learning_rate, "Of Adam, for actor, critics and temperature.",
            MoreThan(0));
    VisitLearningRateSchedule(v, learning_rate_schedule);
    v.Field("gamma", gamma, "Discount a control step.", Between(0, 1));
    v.Field("tau", tau, "Share of the critics that goes into their targets each step.",
            Between(0, 1));
    v.Field("critics", critics, "How many there are; 5 in the paper.", Between(2, 10));
    v.Field("quantiles", quantiles, "Of the return, that each critic learns.", Between(2, 200));
    v.Field("dropped_quantiles", dropped_quantiles,
            "Highest quantiles left out of the targets, a critic; more: lower values. Less than "
            "quantiles.",
            AtLeast(0));
    VisitTemperature(v);
    v.Field("random_env_steps", random_env_steps,
            "Act uniformly at random until this many env steps.", AtLeast(0));
  }
};

// Twin delayed deterministic policy gradients (Fujimoto et al. 2018, arXiv:1802.09477). Defaults as
// in Stable-Baselines3, except for the random steps. Exploration: see ExplorationConfig.
struct Td3Config {
  int64_t batch_size = 256;
  double learning_rate = 1e-3;
  std::string learning_rate_schedule = "constant";
  double gamma = 0.99;
  double tau = 0.005;
  int64_t policy_delay = 2;
  double target_noise_std = 0.2;
  double target_noise_clip = 0.5;
  std::string critic_loss = "mse";
  double action_l2 = 0;
  int64_t random_env_steps = 1000;

  void Visit(ConfigVisitor& v) {
    v.Field("batch_size", batch_size, "Transitions in a gradient step.", AtLeast(1));
    v.Field("learning_rate", learning_rate, "Of Adam, for actor and critics.", MoreThan(0));
    VisitLearningRateSchedule(v, learning_rate_schedule);
    v.Field("gamma", gamma, "Discount a control step.", Between(0, 1));
    v.Field("tau", tau, "Share of the networks that goes into their targets with each policy step.",
            Between(0, 1));
    v.Field("policy_delay", policy_delay, "Critic steps for each step of policy and targets.",
            AtLeast(1));
    v.Field("target_noise_std", target_noise_std,
            "Deviation of the noise on the target policy's actions.", AtLeast(0));
    v.Field("target_noise_clip", target_noise_clip, "Bound of that noise.", AtLeast(0));
    VisitCriticLoss(v, critic_loss);
    VisitActionL2(v, action_l2);
    v.Field("random_env_steps", random_env_steps,
            "Act uniformly at random until this many env steps.", AtLeast(0));
  }
};

// Deep deterministic policy gradients (Lillicrap et al. 2015, arXiv:1509.02971). Defaults as in
// Stable-Baselines3, except for the random steps, as in TD3.
struct DdpgConfig {
  int64_t batch_size = 256;
  double learning_rate = 1e-3;
  std::string learning_rate_schedule = "constant";
  double gamma = 0.99;
  double tau = 0.005;
  std::string critic_loss = "mse";
  double action_l2 = 0;
  int64_t random_env_steps = 1000;

  void Visit(ConfigVisitor& v) {
    v.Field("batch_size", batch_size, "Transitions in a gradient step.", AtLeast(1));
    v.Field("learning_rate", learning_rate, "Of Adam, for actor and critic.", MoreThan(0));
    VisitLearningRateSchedule(v, learning_rate_schedule);
    v.Field("gamma", gamma, "Discount a control step.", Between(0, 1));
    v.Field("tau", tau, "Share of the networks that goes into their targets each step.",
            Between(0, 1));
    VisitCriticLoss(v, critic_loss);
    VisitActionL2(v, action_l2);
    v.Field("random_env_steps", random_env_steps,
            "Act uniformly at random until this many env steps.", AtLeast(0));
  }
};

// Learning also from another policy's steps.
struct DemonstrationsConfig {
  std::string path;
  std::string method = "cloning";
  int64_t batch_size = 128;
  double policy_weight = 0.001;
  double cloning_weight = 1.0 / 128;
  bool q_filter = false;

  void Visit(ConfigVisitor& v) {
    v.Field("path", path,
            "File that armature.record_demonstrations has written; empty: no demonstrations.");
    v.Field("method", method,
            "cloning: added to the batch, and imitated (Nair et al. 2018); symmetric: half of the "
            "batch, learned from like all other steps (RLPD, Ball et al. 2023).",
            OneOf({"cloning", "symmetric"}));
    v.Field("batch_size", batch_size,
            "With cloning: demonstrated steps in a gradient step, beside the algorithm's "
            "batch_size.",
            AtLeast(1));
    v.Field("policy_weight", policy_weight,
            "With cloning: weight of the algorithm's own loss of the policy.", AtLeast(0));
    v.Field("cloning_weight", cloning_weight,
            "With cloning: weight of the squared distances, summed over the demonstrated steps, "
            "between the policy's actions and theirs.",
            AtLeast(0));
    v.Field("q_filter", q_filter,
            "With cloning: imitate only where the critics hold the demonstrated action for the "
            "better one.");
  }
};

// Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347).
struct PpoConfig {
  int64_t rollout_steps = 2048;
  int64_t unroll_length = 128;
  int64_t minibatch_size = 64;
  int64_t epochs = 10;
  double learning_rate = 3e-4;
  std::string learning_rate_schedule = "constant";
  double desired_kl = 0.01;
  double kl_adaptive_factor = 1.5;
  double gamma = 0.99;
  double gae_lambda = 0.95;
  double clip_epsilon = 0.2;
  double value_clip = 0;
  double value_coef = 0.5;
  double entropy_coef = 0;
  double gradient_norm_max = 0.5;
  double initial_log_std = 0;
  double std_min = 0;
  std::string symmetry = "none";
  int64_t max_policy_lag = 0;

  void Visit(ConfigVisitor& v) {
    v.Field("rollout_steps", rollout_steps, "Env steps in a full set of trajectories.", AtLeast(1));
    v.Field("unroll_length", unroll_length, "Control steps of one trajectory, a slot.", AtLeast(1));
    v.Field("minibatch_size", minibatch_size, "Env steps in a gradient step.", AtLeast(1));
    v.Field("epochs", epochs, "Passes over a set.", AtLeast(1));
    v.Field("learning_rate", learning_rate, "Of Adam (epsilon 1e-5).", MoreThan(0));
    v.Field("learning_rate_schedule", learning_rate_schedule,
            "Constant; linear to 0 at run.total_env_steps; or kl_adaptive: within 1e-5 and 1e-2, "
            "divided by kl_adaptive_factor where a minibatch's KL divergence is over twice "
            "desired_kl, times it where it is under half.",
            OneOf({"constant", "linear", "kl_adaptive"}));
    v.Field("desired_kl", desired_kl,
            "KL divergence from the policy at a set's start that kl_adaptive aims at, in nats.",
            MoreThan(0));
    v.Field("kl_adaptive_factor", kl_adaptive_factor,
            "By which kl_adaptive changes the rate: 1.5 in rsl_rl, 1.2 in raisimGym.", MoreThan(1));
    v.Field("gamma", gamma, "Discount a control step.", Between(0, 1));
    v.Field("gae_lambda", gae_lambda, "Of generalised advantage estimation.", Between(0, 1));
    v.Field("clip_epsilon", clip_epsilon, "Bound of the probability ratio around 1.", MoreThan(0));
    v.Field("value_clip", value_clip, "Bound of a change of value around the old one; 0: none.",
            AtLeast(0));
    v.Field("value_coef", value_coef, "Weight of the value loss.", AtLeast(0));
    v.Field("entropy_coef", entropy_coef, "Weight of the entropy bonus.", AtLeast(0));
    v.Field("gradient_norm_max", gradient_norm_max, "Gradients are scaled down to this norm.",
            MoreThan(0));
    v.Field("initial_log_std", initial_log_std,
            "Logarithm of the deviation of a Box action at the start.");
    v.Field("std_min", std_min,
            "Least deviation of a Box action, in halves of its range; 0: no bound.", AtLeast(0));
    v.Field("symmetry", symmetry,
            "augment: each minibatch also has the mirror image of each of its steps (Mittal et al. "
            "2024), for environments that declare one.",
            OneOf({"none", "augment"}));
    v.Field("max_policy_lag", max_policy_lag,
            "Versions that a trajectory's policy may be older than the newest. 0: actors wait "
            "while the learner learns; 1: they collect the next set meanwhile.",
            AtLeast(0));
  }
};

struct AlgorithmConfig {
  std::string name = "sac";
  std::string learn_from = "proposed";
  NetworkConfig network;
  ExplorationConfig exploration;
  DemonstrationsConfig demonstrations;
  SacConfig sac;
  TqcConfig tqc;
  Td3Config td3;
  DdpgConfig ddpg;
  PpoConfig ppo;

  void Visit(ConfigVisitor& v) {
    v.Field("name", name, "Which algorithm learns.", OneOf({"sac", "tqc", "td3", "ddpg", "ppo"}));
    v.Field("learn_from", learn_from,
            "Which action of each step is stored and learned from: the one that the policy "
            "proposed, or the one that the environment executed, where it says so, e.g. behind a "
            "safety shield (sac, tqc, td3, ddpg).",
            OneOf({"proposed", "executed"}));
    v.Section("network", network, "Policy and value networks.");
    v.Section("exploration", exploration, "How actors explore; used by sac, tqc, td3 and ddpg.");
    v.Section("demonstrations", demonstrations,
              "Learning from demonstrations too; used by sac, tqc, td3 and ddpg.");
    v.Section("sac", sac, "Soft actor-critic; used when algorithm.name is sac.");
    v.Section("tqc", tqc, "Truncated quantile critics; used when algorithm.name is tqc.");
    v.Section("td3", td3, "Twin delayed DDPG; used when algorithm.name is td3.");
    v.Section("ddpg", ddpg,
              "Deep deterministic policy gradients; used when algorithm.name is ddpg.");
    v.Section("ppo", ppo, "Proximal policy optimisation; used when algorithm.name is ppo.");
  }
  bool on_policy() const { return name == "ppo"; }
  bool learns_from_executed() const { return learn_from == "executed"; }

  // The learning rate of the algorithm that `name` selects.
  double learning_rate() const {
    if (name == "ppo") return ppo.learning_rate;
    if (name == "tqc") return tqc.learning_rate;
    if (name == "td3") return td3.learning_rate;
    if (name == "ddpg") return ddpg.learning_rate;
    return sac.learning_rate;
  }

  // Settings that every off-policy algorithm has; from the one that `name` selects.
  struct OffPolicy {
    int64_t batch_size = 0;
    int64_t random_env_steps = 0;
    double gamma = 0;
  };
  OffPolicy off_policy() const {
    if (name == "tqc") return {tqc.batch_size, tqc.random_env_steps, tqc.gamma};
    if (name == "td3") return {td3.batch_size, td3.random_env_steps, td3.gamma};
    if (name == "ddpg") return {ddpg.batch_size, ddpg.random_env_steps, ddpg.gamma};
    return {sac.batch_size, sac.random_env_steps, sac.gamma};
  }
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RUN_CONFIG_ALGORITHM_CONFIG_H_
