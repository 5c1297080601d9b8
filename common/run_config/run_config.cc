#include "common/run_config/run_config.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/rpc/address.h"

namespace armature {
namespace {

absl::Status CheckEnvServers(const ClusterSection& cluster) {
  const std::string& external = cluster.external_env_servers;
  if (external.empty()) {
    if (cluster.env_servers > 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "cluster.env_servers=0 starts no env server and cluster.external_env_servers names none:"
        " actors would have nothing to step; set one of them");
  }
  if (absl::StartsWith(external, "file:") || absl::StartsWith(external, "dns:")) {
    if (cluster.env_servers == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("cluster.external_env_servers=", external,
                     " cannot stand beside cluster.env_servers=", cluster.env_servers,
                     ": an actor takes a list of addresses or one file or name, not both;"
                     " set cluster.env_servers=0 or list the addresses"));
  }
  for (const absl::string_view written : absl::StrSplit(external, ',')) {
    const absl::string_view address = absl::StripAsciiWhitespace(written);
    if (absl::Status status = ParseAddress(address).status(); !status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("cluster.external_env_servers: ", status.message()));
    }
  }
  return absl::OkStatus();
}

// The name is part of the run's folder <output_dir>/<name>/<date-time>, which must be findable.
absl::Status CheckPlace(const RunSection& run) {
  if (run.output_dir.empty()) return absl::InvalidArgumentError("run.output_dir is empty");
  for (const absl::string_view part : absl::StrSplit(run.name, '/')) {
    const bool is_printed = std::none_of(part.begin(), part.end(), absl::ascii_iscntrl);
    if (!part.empty() && part != "." && part != ".." && is_printed) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("run.name=", absl::CHexEscape(run.name),
                     " is no path below run.output_dir: its parts must be names, such as "
                     "reach/first"));
  }
  return absl::OkStatus();
}

// Returns the multiple of `unit` nearest to `value`, at least one.
int64_t NearestMultiple(int64_t value, int64_t unit) {
  return std::max<int64_t>(1, (value + unit / 2) / unit) * unit;
}

absl::Status CheckMultiple(absl::string_view key, int64_t value, absl::string_view of,
                           int64_t unit) {
  if (value % unit == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("reproducible.enabled: ", key, "=", value, " is not a multiple of ", of, "=",
                   unit, "; the nearest is ", key, "=", NearestMultiple(value, unit)));
}

absl::Status CheckReproducible(const RunConfig& config) {
  auto refuse = [](absl::string_view key, const auto& value, absl::string_view instead) {
    return absl::InvalidArgumentError(absl::StrCat("reproducible.enabled: ", key, "=", value,
                                                   " does not repeat bit for bit; set ", key, "=",
                                                   instead));
  };
  if (config.learner.device == "cuda") return refuse("learner.device", "cuda", "cpu");
  if (config.learner.replicas != 1) {
    return refuse("learner.replicas", config.learner.replicas, "1");
  }
  if (config.learner.threads != 1) return refuse("learner.threads", config.learner.threads, "1");
  if (config.actor.device != "cpu") return refuse("actor.device", config.actor.device, "cpu");
  if (config.actor.threads != 1) return refuse("actor.threads", config.actor.threads, "1");
  if (!config.checkpoint.replay) return refuse("checkpoint.replay", "false", "true");
  const std::string turn = absl::StrCat(
      "a turn's env steps (",
      config.algorithm.on_policy() ? "algorithm.ppo.unroll_length" : "reproducible.round_length",
      " * collect.envs_per_actor * cluster.actors)");
  const int64_t turn_steps = config.turn_steps();
  const int64_t period = config.reproducible.period_env_steps;
  const bool sets = config.algorithm.on_policy();
  const int64_t set_steps = config.algorithm.ppo.rollout_steps;
  absl::Status status;
  if (sets) {
    status.Update(CheckMultiple("algorithm.ppo.rollout_steps", set_steps, turn, turn_steps));
    status.Update(CheckMultiple("reproducible.period_env_steps", period,
                                "algorithm.ppo.rollout_steps", set_steps));
  } else {
    status.Update(CheckMultiple("reproducible.period_env_steps", period, turn, turn_steps));
  }
  if (!status.ok()) return status;
  const int64_t total = config.run.total_env_steps;
  if (total < period) {
    const int64_t shorter = NearestMultiple(total, sets ? set_steps : turn_steps);
    return absl::InvalidArgumentError(
        absl::StrCat("reproducible.enabled: run.total_env_steps=", total,
                     " is less than one reproducible.period_env_steps=", period,
                     "; set run.total_env_steps=", period, ", or a shorter period: ",
                     shorter == total ? "" : absl::StrCat("run.total_env_steps=", shorter, " "),
                     "reproducible.period_env_steps=", shorter));
  }
  return CheckMultiple("run.total_env_steps", total, "reproducible.period_env_steps", period);
}

absl::Status CheckHindsight(const ReplaySection& replay) {
  if (!replay.hindsight.enabled) return absl::OkStatus();
  if (replay.n_step > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("replay.n_step=", replay.n_step,
                     " with replay.hindsight.enabled: a relabelled step has a reward of its own"
                     " only; set replay.n_step=1"));
  }
  if (replay.hindsight.env_servers.empty()) return absl::OkStatus();
  for (const absl::string_view written : absl::StrSplit(replay.hindsight.env_servers, ',')) {
    const absl::string_view address = absl::StripAsciiWhitespace(written);
    if (absl::Status status = ParseAddress(address).status(); !status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("replay.hindsight.env_servers: ", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckListen(const LearnerSection& learner) {
  for (const auto& [key, value, instead] :
       {std::tuple("learner.listen", &learner.listen, LearnerSection::kAuto),
        {"learner.metrics_listen", &learner.metrics_listen, "off"}}) {
    if (*value == instead) continue;
    const absl::Status status = ParseListenAddress(*value).status();
    if (status.ok()) continue;
    return absl::InvalidArgumentError(absl::StrCat(key, ": ", status.message(), ", or ", instead));
  }
  return absl::OkStatus();
}

absl::Status CheckNetwork(const NetworkConfig& network) {
  if (network.initialization != "default") return absl::OkStatus();
  for (const auto& [key, gain] : {std::pair("hidden_gain", network.hidden_gain),
                                  {"policy_output_gain", network.policy_output_gain}}) {
    if (gain == 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("algorithm.network.", key, "=", gain,
                     " with algorithm.network.initialization=default, which has gains of its own;"
                     " set algorithm.network.initialization=orthogonal, say"));
  }
  return absl::OkStatus();
}

absl::Status CheckParameterNoise(const AlgorithmConfig& algorithm) {
  if (algorithm.exploration.noise != "parameter") return absl::OkStatus();
  constexpr absl::string_view kNoise = "algorithm.exploration.noise=parameter";
  if (algorithm.name != "td3" && algorithm.name != "ddpg") {
    return absl::InvalidArgumentError(
        absl::StrCat(kNoise, " is for td3 and ddpg: ", algorithm.name,
                     " draws from its policy; leave algorithm.exploration.noise out"));
  }
  if (!algorithm.network.layer_norm) {
    return absl::InvalidArgumentError(
        absl::StrCat(kNoise, " needs algorithm.network.layer_norm=true"));
  }
  if (algorithm.exploration.noise_std == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(kNoise,
                     " with algorithm.exploration.noise_std=0: set the distance of"
                     " actions that it aims at, or algorithm.exploration.noise=none"));
  }
  return absl::OkStatus();
}

absl::Status CheckTqc(const AlgorithmConfig& algorithm) {
  const TqcConfig& tqc = algorithm.tqc;
  if (algorithm.name != "tqc" || tqc.dropped_quantiles < tqc.quantiles) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("algorithm.tqc.dropped_quantiles=", tqc.dropped_quantiles,
                   " leaves none of algorithm.tqc.quantiles=", tqc.quantiles));
}

absl::Status CheckSac(const AlgorithmConfig& algorithm) {
  const SacConfig& sac = algorithm.sac;
  if (algorithm.name != "sac" || sac.target_critics <= sac.critics) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("algorithm.sac.target_critics=", sac.target_critics,
                   " is more than algorithm.sac.critics=", sac.critics));
}

absl::Status CheckDemonstrations(const RunConfig& config) {
  const AlgorithmConfig& algorithm = config.algorithm;
  if (algorithm.demonstrations.method != "symmetric") return absl::OkStatus();
  constexpr absl::string_view kMethod = "algorithm.demonstrations.method=symmetric";
  if (algorithm.demonstrations.path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kMethod, " needs algorithm.demonstrations.path"));
  }
  if (algorithm.off_policy().batch_size < 2) {
    return absl::InvalidArgumentError(absl::StrCat(kMethod, " halves the batch, but algorithm.",
                                                   algorithm.name, ".batch_size is 1"));
  }
  if (algorithm.demonstrations.q_filter) {
    return absl::InvalidArgumentError(absl::StrCat(
        kMethod, " imitates nothing that algorithm.demonstrations.q_filter=true could filter"));
  }
  if (config.replay.prioritized.enabled) {
    return absl::InvalidArgumentError(
        absl::StrCat(kMethod, " with replay.prioritized.enabled=true: a prioritised half weighs",
                     " less than the demonstrated one; leave one of them out"));
  }
  return absl::OkStatus();
}

absl::Status CheckOnPolicy(const RunConfig& config) {
  if (!config.algorithm.demonstrations.path.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "algorithm.demonstrations.path is set, but algorithm.name=", config.algorithm.name,
        " cannot learn from demonstrations; set algorithm.name=sac, tqc, td3 or ddpg"));
  }
  if (config.algorithm.learns_from_executed()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "algorithm.learn_from=executed, but algorithm.name=", config.algorithm.name,
        " weighs actions by the probability with which its policy chose them, and it has chosen "
        "the proposed ones; set algorithm.learn_from=proposed, or algorithm.name=sac, tqc, td3 or "
        "ddpg"));
  }
  const PpoConfig& ppo = config.algorithm.ppo;
  const int64_t set_steps =
      ppo.unroll_length * config.collect.envs_per_actor / config.collect.groups;
  if (ppo.minibatch_size > ppo.rollout_steps) {
    return absl::InvalidArgumentError(
        absl::StrCat("algorithm.ppo.minibatch_size=", ppo.minibatch_size,
                     " is more than algorithm.ppo.rollout_steps=", ppo.rollout_steps));
  }
  if (set_steps > ppo.rollout_steps) {
    return absl::InvalidArgumentError(absl::StrCat(
        "one unroll of one group is ", set_steps,
        " env steps (algorithm.ppo.unroll_length * collect.envs_per_actor / collect.groups),"
        " more than algorithm.ppo.rollout_steps=",
        ppo.rollout_steps, "; lower algorithm.ppo.unroll_length"));
  }
  if (ppo.std_min > std::exp(ppo.initial_log_std)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "algorithm.ppo.std_min=", ppo.std_min, " is more than the deviation at the start, ",
        std::exp(ppo.initial_log_std), " (exp of algorithm.ppo.initial_log_std)"));
  }
  if (ppo.learning_rate_schedule == "kl_adaptive" && config.learner.replicas > 1 &&
      config.learner.averaging == "gradients") {
    return absl::InvalidArgumentError(
        "learner.averaging=gradients needs one learning rate in all replicas, but with"
        " algorithm.ppo.learning_rate_schedule=kl_adaptive each adapts its own; set"
        " learner.averaging=parameters");
  }
  return absl::OkStatus();
}

absl::Status CheckOffPolicy(const RunConfig& config) {
  if (config.replay.size_min > config.replay.rows_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "replay.size_min=", config.replay.size_min,
        " is more than replay.rows_max=", config.replay.rows_max, ": learning would never begin"));
  }
  if (absl::Status status = CheckHindsight(config.replay); !status.ok()) return status;
  if (absl::Status status = CheckDemonstrations(config); !status.ok()) return status;
  if (config.replay.size_min > config.run.total_env_steps) {
    return absl::InvalidArgumentError(absl::StrCat(
        "replay.size_min=", config.replay.size_min, " is more than run.total_env_steps=",
        config.run.total_env_steps, ": the run would end before learning begins"));
  }
  const AlgorithmConfig::OffPolicy off_policy = config.algorithm.off_policy();
  if (off_policy.random_env_steps >= config.run.total_env_steps) {
    return absl::InvalidArgumentError(absl::StrCat(
        "algorithm.", config.algorithm.name, ".random_env_steps=", off_policy.random_env_steps,
        " is not less than run.total_env_steps=", config.run.total_env_steps,
        ": the policy would never act"));
  }
  // The limiter's band must hold one insertion and one sample; otherwise both sides wait for each
  // other.
  const double band = config.replay.samples_per_insert_tolerance * config.replay.size_min *
                      config.replay.samples_per_insert;
  const double band_min =
      std::max<double>(off_policy.batch_size,
                       config.collect.transitions_per_batch * config.replay.samples_per_insert);
  if (band < band_min) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the samples-per-insert band is ", band,
        " samples (samples_per_insert_tolerance * size_min * samples_per_insert of replay) but"
        " one batch needs ",
        band_min,
        ": learner and actors would wait for each other; raise"
        " replay.samples_per_insert_tolerance or lower collect.transitions_per_batch"));
  }
  return absl::OkStatus();
}

}  // namespace

int64_t RunConfig::unroll_length() const {
  if (algorithm.on_policy()) return algorithm.ppo.unroll_length;
  return reproducible.enabled ? reproducible.round_length : 0;
}

int64_t RunConfig::turn_steps() const {
  return unroll_length() * collect.envs_per_actor * cluster.actors;
}

absl::Status RunConfig::Validate() const {
  if (absl::Status status = CheckPlace(run); !status.ok()) return status;
  if (absl::Status status = CheckEnvServers(cluster); !status.ok()) return status;
  if (absl::Status status = CheckListen(learner); !status.ok()) return status;
  if (absl::Status status = CheckNetwork(algorithm.network); !status.ok()) return status;
  if (absl::Status status = CheckParameterNoise(algorithm); !status.ok()) return status;
  if (absl::Status status = CheckSac(algorithm); !status.ok()) return status;
  if (absl::Status status = CheckTqc(algorithm); !status.ok()) return status;
  if (absl::Status status = curriculum.Validate(); !status.ok()) return status;
  const auto parameters = ReadParameters(evaluation.parameters, "evaluation.parameters");
  if (!parameters.ok()) return parameters.status();
  if (run.load.empty() && run.load_step > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("run.load_step=", run.load_step,
                     " without run.load: set run.load to the run to begin from"));
  }
  if (reproducible.enabled) {
    if (absl::Status status = CheckReproducible(*this); !status.ok()) return status;
  }
  if (collect.envs_per_actor % collect.groups != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("collect.envs_per_actor=", collect.envs_per_actor,
                     " cannot be cut into collect.groups=", collect.groups, " equal groups"));
  }
  const bool has_target = evaluation.stop_at_success_rate > 0 || evaluation.stop_at_return_enabled;
  if (has_target && evaluation.every_env_steps == 0) {
    return absl::InvalidArgumentError(
        "evaluation.every_env_steps=0 turns evaluation off, but a target is set"
        " (evaluation.stop_at_success_rate or evaluation.stop_at_return_enabled): the run could"
        " never reach it");
  }
  return algorithm.on_policy() ? CheckOnPolicy(*this) : CheckOffPolicy(*this);
}

absl::Status RunConfig::ValidateResume(uint64_t env_steps) const {
  if (!reproducible.enabled) return absl::OkStatus();
  const bool sets = algorithm.on_policy();
  const int64_t unit = sets ? algorithm.ppo.rollout_steps : turn_steps();
  if (env_steps % unit == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the run stands at ", env_steps, " env steps, within a ",
      sets ? "set of algorithm.ppo.rollout_steps="
           : "turn of reproducible.round_length * collect.envs_per_actor * cluster.actors=",
      unit, ": with reproducible.enabled it goes on with the settings that it had only"));
}

}  // namespace armature
