#include "learner/learner.h"

#include "common/run_config/parameter_config.h"
#include "common/sync/steady_time.h"

namespace armature {
namespace {

EvaluationScheduler::Options EvaluationOptions(const RunConfig& config) {
  EvaluationScheduler::Options options;
  options.episodes = config.evaluation.episodes;
  options.num_envs = config.evaluation.num_envs;
  options.episode_steps_max = config.evaluation.episode_steps_max;
  options.seed = config.run.seed;
  options.parameters =
      ReadParameters(config.evaluation.parameters, "evaluation.parameters").value();
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
      evaluations_(EvaluationOptions(config)),
      mode_(MakeCollectionMode(config, &evaluations_)),
      intake_(ExperienceIntake::Options(), &mode_->coordinator(), metrics, &wake_),
      publisher_(directory->policy_versions_used()),
      replicas_(config, role, directory->run_id(), metrics, &wake_),
      admission_(ConfigOfReplica(config, role), directory->run_id(), &intake_, &wake_),
      goal_reward_(MakeGoalReward(config, transport)),
      cores_(ConfigOfReplica(config, role), device, &mode_->coordinator(), goal_reward_.get()),
      service_({&admission_, &intake_, &mode_->coordinator(), &publisher_, &evaluations_, &status_,
                &wake_, goal_reward_.get()}),
      trainer_(ConfigOfReplica(config, role),
               {admission_, intake_, *mode_, cores_, replicas_.replication(), publisher_,
                evaluations_, *directory, *metrics, status_, wake_}) {}

void Learner::Stop() {
  trainer_.Stop();
  if (goal_reward_ != nullptr) goal_reward_->Cancel();
}

std::vector<grpc::Service*> Learner::services() {
  std::vector<grpc::Service*> services = replicas_.services();
  services.push_back(&service_);
  return services;
}

}  // namespace armature
