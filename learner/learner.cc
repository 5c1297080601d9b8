#include "learner/learner.h"

#include "common/sync/steady_time.h"

namespace armature {
namespace {

std::unique_ptr<RolloutCoordinator> MakeCoordinator(const RunConfig& config) {
  if (!config.algorithm.on_policy() || config.reproducible.enabled) return nullptr;
  RolloutCoordinator::Options options;
  options.rollout_steps = config.algorithm.ppo.rollout_steps;
  options.unroll_length = config.algorithm.ppo.unroll_length;
  options.max_policy_lag = config.algorithm.ppo.max_policy_lag;
  options.slots = config.collect.envs_per_actor;
  return std::make_unique<RolloutCoordinator>(options);
}

std::unique_ptr<RoundCoordinator> MakeRounds(const RunConfig& config) {
  if (!config.reproducible.enabled) return nullptr;
  RoundCoordinator::Options options;
  options.actors = config.cluster.actors;
  options.steps_per_actor = config.round_steps() / config.cluster.actors;
  return std::make_unique<RoundCoordinator>(options);
}

// The coordinator that the service's threads use.
CollectCoordinator* Either(RoundCoordinator* rounds, RolloutCoordinator* rollouts) {
  if (rounds != nullptr) return rounds;
  return rollouts;
}

EvaluationScheduler::Options EvaluationOptions(const RunConfig& config) {
  EvaluationScheduler::Options options;
  options.episodes = config.evaluation.episodes;
  options.num_envs = config.evaluation.num_envs;
  options.episode_steps_max = config.evaluation.episode_steps_max;
  options.seed = config.run.seed;
  options.timeout = absl::Seconds(config.evaluation.timeout_s);
  return options;
}

// Replicas learn the same policy from different seeds.
RunConfig ConfigOfReplica(RunConfig config, const ReplicaRole& role) {
  config.run.seed += role.replica;
  return config;
}

std::unique_ptr<RemoteGoalReward> MakeGoalReward(const RunConfig& config,
                                                 const TransportOptions& transport) {
  const HindsightSection& hindsight = config.replay.hindsight;
  if (config.algorithm.on_policy() || !hindsight.enabled) return nullptr;
  RemoteGoalReward::Options options;
  options.env_config = config.environment.config;
  options.transport = transport;
  options.timeout = absl::Seconds(hindsight.timeout_s);
  options.servers = hindsight.env_servers;
  return std::make_unique<RemoteGoalReward>(options);
}

}  // namespace

Learner::Learner(const RunConfig& config, const ReplicaRole& role,
                 const TransportOptions& transport, RunDirectory* directory,
                 LearnerMetrics* metrics, c10::Device device)
    : status_(SteadyTime()),
      rounds_(MakeRounds(config)),
      coordinator_(MakeCoordinator(config)),
      intake_(ExperienceIntake::Options(), Either(rounds_.get(), coordinator_.get()), metrics,
              &wake_),
      publisher_(directory->policy_versions_used()),
      evaluations_(EvaluationOptions(config)),
      replicas_(Replicas::Create(config, role, directory->run_id(), metrics, &wake_)),
      admission_(ConfigOfReplica(config, role), directory->run_id(), &intake_, &wake_),
      goal_reward_(MakeGoalReward(config, transport)),
      service_({&admission_, &intake_, Either(rounds_.get(), coordinator_.get()), &publisher_,
                &evaluations_, &status_, &wake_, goal_reward_.get()}),
      trainer_(ConfigOfReplica(config, role),
               {&admission_, &intake_, coordinator_.get(), rounds_.get(), &publisher_,
                &evaluations_, directory, metrics, &status_, &wake_,
                replicas_ == nullptr ? nullptr : &replicas_->sync(), goal_reward_.get()},
               device) {}

std::vector<grpc::Service*> Learner::services() {
  std::vector<grpc::Service*> services = {&service_};
  if (replicas_ != nullptr && replicas_->service() != nullptr) {
    services.push_back(replicas_->service());
  }
  return services;
}

}  // namespace armature
