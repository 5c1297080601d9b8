#include "learner/service/message_sizes.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/rpc/transport.h"
#include "learner/algorithms/factory.h"

namespace armature {
namespace {

// Tag, name, dtype, shape and lengths of one tensor.
constexpr int64_t kTensorOverhead = 128;
// All tensors of an experience batch, its counts, and episodes of steps that the actor has not sent
// yet.
constexpr int64_t kBatchOverhead = 1 << 20;
constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kDouble = sizeof(double);

double Mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

std::string TooLarge(int64_t bytes) {
  return absl::StrCat(Mib(bytes), " MiB, more than the ", Mib(kMessageBytesMax),
                      " MiB of one message");
}

// For a step that ends an episode.
int64_t EpisodeBytes(const EnvSpec& env) {
  constexpr int64_t kPlain = 32;
  constexpr int64_t kLists = 16;  // Tags and lengths of metrics and parameters.
  return kPlain + kLists + kFloat * static_cast<int64_t>(env.metrics.size()) +
         kDouble * static_cast<int64_t>(env.parameters.size());
}

// Observation, next observation, action, goal extras, reward, two flags, slot, version.
int64_t TransitionBytes(const EnvSpec& env) {
  const int64_t extra = env.goal.has_value() ? env.goal->extra_size() : 0;
  return kFloat * (2 * env.observation_size() + env.action.size() + extra + 1) + 2 +
         sizeof(int32_t) + sizeof(int64_t) + EpisodeBytes(env);
}

int64_t TransitionsThatFit(const EnvSpec& env) {
  return (kMessageBytesMax - kBatchOverhead) / TransitionBytes(env);
}

absl::Status CheckPolicy(const RunConfig& config, const EnvSpec& env) {
  const absl::StatusOr<v1::PolicySpec> spec = MakePolicySpec(config.algorithm, env);
  if (!spec.ok()) return spec.status();
  const int64_t bytes = PolicyBytesMax(*spec);
  if (bytes <= kMessageBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "algorithm.network.hidden_sizes=", absl::StrJoin(spec->hidden_sizes(), ","), " with the ",
      env.observation_size(), " observation values of ", env.id, " makes policies of ",
      TooLarge(bytes), "; lower algorithm.network.hidden_sizes"));
}

absl::Status CheckTransitions(const RunConfig& config, const EnvSpec& env) {
  const int64_t fit = TransitionsThatFit(env);
  if (fit < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("one transition of ", env.id, " with its ", env.observation_size(),
                     " observation values is ", TooLarge(TransitionBytes(env) + kBatchOverhead),
                     "; give the environment smaller observations"));
  }
  const int64_t slots = config.collect.envs_per_actor;
  if (!config.reproducible.enabled || config.unroll_length() * slots <= fit) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "reproducible.round_length=", config.reproducible.round_length,
      " with collect.envs_per_actor=", slots, " makes turns of ",
      TooLarge(config.unroll_length() * slots * TransitionBytes(env)),
      slots > fit
          ? absl::StrCat("; lower collect.envs_per_actor to ", fit, " at most")
          : absl::StrCat("; lower reproducible.round_length to ", fit / slots, " at most")));
}

absl::Status CheckTrajectories(const RunConfig& config, const EnvSpec& env) {
  const CollectSection& collect = config.collect;
  const int64_t groups = config.reproducible.enabled ? 1 : collect.groups;
  const int64_t slots = collect.envs_per_actor / groups;
  const int64_t steps = config.unroll_length();
  const int64_t bytes = TrajectoryBytesMax(env, steps, slots);
  if (bytes <= kMessageBytesMax) return absl::OkStatus();
  // Everything but the first observation grows with the steps.
  const int64_t one = TrajectoryBytesMax(env, 1, slots);
  const int64_t two = TrajectoryBytesMax(env, 2, slots);
  const int64_t fit = one > kMessageBytesMax ? 0 : 1 + (kMessageBytesMax - one) / (two - one);
  return absl::InvalidArgumentError(absl::StrCat(
      "algorithm.ppo.unroll_length=", steps, " with collect.envs_per_actor=",
      collect.envs_per_actor, groups > 1 ? absl::StrCat(" in collect.groups=", groups) : "",
      " and the ", env.observation_size(), " observation values of ", env.id,
      " makes trajectories of up to ", TooLarge(bytes),
      fit > 0 ? absl::StrCat("; lower algorithm.ppo.unroll_length to ", fit, " at most")
              : "; lower collect.envs_per_actor"));
}

}  // namespace

int64_t TransitionsPerBatch(const RunConfig& config, const EnvSpec& env) {
  if (config.reproducible.enabled) return config.unroll_length() * config.collect.envs_per_actor;
  return std::clamp<int64_t>(TransitionsThatFit(env), 1, config.collect.transitions_per_batch);
}

int64_t PolicyBytesMax(const v1::PolicySpec& spec) {
  int64_t values = 0, tensors = 3;  // A standard deviation and the normaliser's two.
  int64_t inputs = spec.observation_size();
  for (const uint32_t size : spec.hidden_sizes()) {
    values += inputs * size + size + (spec.layer_norm() ? 2 * size : 0);
    tensors += 4;
    inputs = size;
  }
  // A Gaussian head outputs mean and standard deviation, or the deviation is a separate parameter.
  values += (inputs + 1) * 2 * spec.action_size();
  tensors += 2;
  if (spec.normalize_observation()) values += 2 * spec.observation_size();
  return values * kFloat + tensors * kTensorOverhead;
}

int64_t TrajectoryBytesMax(const EnvSpec& env, int64_t unroll_length, int64_t slots) {
  const int64_t steps = unroll_length * slots;
  const int64_t observation = kFloat * env.observation_size();
  // Observation and final observation, action, reward, log-probability, three flags.
  const int64_t step = 2 * observation + kFloat * (env.action.size() + 2) + 3 + EpisodeBytes(env);
  return steps * step + slots * observation + kBatchOverhead;
}

absl::Status CheckMessageSizes(const RunConfig& config, const EnvSpec& env) {
  if (absl::Status status = CheckPolicy(config, env); !status.ok()) return status;
  return config.algorithm.on_policy() ? CheckTrajectories(config, env)
                                      : CheckTransitions(config, env);
}

}  // namespace armature
