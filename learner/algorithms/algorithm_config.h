// Settings of the algorithms; what each means is in its Visit.
#ifndef ARMATURE_LEARNER_ALGORITHMS_ALGORITHM_CONFIG_H_
#define ARMATURE_LEARNER_ALGORITHMS_ALGORITHM_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/config/config.h"

namespace armature {

// Shape of the policy and value networks.
struct NetworkConfig {
  std::vector<int64_t> hidden_sizes = {256, 256};
  std::string activation = "relu";
  bool normalize_observation = false;
  double observation_clip = 10;

  void Visit(ConfigVisitor& v) {
    v.Field("hidden_sizes", hidden_sizes, "Units of each hidden layer.", AtLeast(1));
    v.Field("activation", activation, "Between layers.",
            OneOf({"relu", "tanh", "elu", "leaky_relu"}));
    v.Field("normalize_observation", normalize_observation,
            "Subtract the running mean of the observations and divide by their deviation.");
    v.Field("observation_clip", observation_clip,
            "Bound of a normalised observation component, in deviations.", MoreThan(0));
  }
};

// Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905).
struct SacConfig {
  int64_t batch_size = 256;
  double learning_rate = 3e-4;
  double gamma = 0.99;
  double tau = 0.005;
  bool automatic_entropy = true;
  double initial_temperature = 1.0;
  // NaN is not a YAML user's word: 0 means minus the action size.
  double target_entropy = 0;
  int64_t random_env_steps = 1000;

  void Visit(ConfigVisitor& v) {
    v.Field("batch_size", batch_size, "Transitions in a gradient step.", AtLeast(1));
    v.Field("learning_rate", learning_rate, "Of Adam, for actor, critics and temperature.",
            MoreThan(0));
    v.Field("gamma", gamma, "Discount a control step.", Between(0, 1));
    v.Field("tau", tau, "Share of the critics that goes into their targets each step.",
            Between(0, 1));
    v.Field("automatic_entropy", automatic_entropy, "Learn the temperature.");
    v.Field("initial_temperature", initial_temperature,
            "Weight of the entropy at the start (throughout, if it is not learned).", MoreThan(0));
    v.Field("target_entropy", target_entropy,
            "Entropy that the temperature aims at, in nats; 0: minus the action size.");
    v.Field("random_env_steps", random_env_steps,
            "Act uniformly at random until this many env steps.", AtLeast(0));
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
  double gamma = 0.99;
  double gae_lambda = 0.95;
  double clip_epsilon = 0.2;
  double value_clip = 0;
  double value_coef = 0.5;
  double entropy_coef = 0;
  double gradient_norm_max = 0.5;
  double initial_log_std = 0;
  int64_t max_policy_lag = 0;

  void Visit(ConfigVisitor& v) {
    v.Field("rollout_steps", rollout_steps, "Env steps in a full set of trajectories.", AtLeast(1));
    v.Field("unroll_length", unroll_length, "Control steps of one trajectory, a slot.", AtLeast(1));
    v.Field("minibatch_size", minibatch_size, "Env steps in a gradient step.", AtLeast(1));
    v.Field("epochs", epochs, "Passes over a set.", AtLeast(1));
    v.Field("learning_rate", learning_rate, "Of Adam (epsilon 1e-5).", MoreThan(0));
    v.Field("learning_rate_schedule", learning_rate_schedule,
            "Constant, or linear to 0 at run.total_env_steps.", OneOf({"constant", "linear"}));
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
    v.Field("max_policy_lag", max_policy_lag,
            "Trajectories begun more versions ago than this are refused.", AtLeast(0));
  }
};

struct AlgorithmConfig {
  std::string name = "sac";
  NetworkConfig network;
  SacConfig sac;
  PpoConfig ppo;

  void Visit(ConfigVisitor& v) {
    v.Field("name", name, "Which algorithm learns.", OneOf({"sac", "ppo"}));
    v.Section("network", network, "Policy and value networks.");
    v.Section("sac", sac, "Soft actor-critic; used when algorithm.name is sac.");
    v.Section("ppo", ppo, "Proximal policy optimisation; used when algorithm.name is ppo.");
  }
  bool on_policy() const { return name == "ppo"; }
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_ALGORITHM_CONFIG_H_
