#include "learner/testing/experience.h"

#include <vector>

#include "common/tensor/packed.h"

namespace armature {
namespace {

constexpr int64_t kObservation = 3;
constexpr int64_t kAction = 2;
constexpr int64_t kUnroll = 4;

// Values in (-1, 1), different for each tensor and batch.
void Fill(std::vector<int64_t> shape, uint64_t sequence, double phase, v1::Tensor* tensor) {
  float* values = ResizeTensor<float>(shape, tensor);
  int64_t size = 1;
  for (const int64_t extent : shape) size *= extent;
  for (int64_t i = 0; i < size; ++i) {
    const double x = 0.37 * i + 1.7 * static_cast<double>(sequence) + phase;
    values[i] = static_cast<float>(2 * (x - static_cast<int64_t>(x)) - 1);
  }
}

void AddEpisode(v1::ExperienceBatch* batch) {
  v1::Episode* episode = batch->add_episodes();
  episode->set_return_sum(1);
  episode->set_length(10);
  episode->set_is_success(true);
}

RunConfig PointConfig() {
  RunConfig config;
  config.run.name = "point";
  config.environment.id = "point";
  config.algorithm.network.hidden_sizes = {8};
  config.collect.envs_per_actor = 4;
  config.evaluation.every_env_steps = 0;
  config.evaluation.episodes = 2;
  config.checkpoint.every_s = 0;
  config.learner.device = "cpu";
  return config;
}

}  // namespace

EnvSpec PointSpec() {
  EnvSpec spec;
  spec.id = "point";
  spec.observation = {{"observation", v1::DTYPE_FLOAT32, {kObservation}, {}, {}}};
  spec.action.low = {-1, -1};
  spec.action.high = {1, 1};
  spec.horizon = 10;
  spec.control_period_s = 0.1;
  spec.reports_success = true;
  return spec;
}

RunConfig PointSacConfig() {
  RunConfig config = PointConfig();
  config.run.total_env_steps = 1000000;
  config.algorithm.name = "sac";
  config.algorithm.sac.batch_size = 8;
  config.algorithm.sac.random_env_steps = 16;
  config.collect.transitions_per_batch = 8;
  config.replay.rows_max = 1000;
  config.replay.size_min = 16;
  config.replay.samples_per_insert = 8;
  config.replay.samples_per_insert_tolerance = 0.5;
  config.learner.publish_every_updates = 4;
  return config;
}

RunConfig PointPpoConfig() {
  RunConfig config = PointConfig();
  config.run.total_env_steps = 1000000;
  config.algorithm.name = "ppo";
  config.algorithm.ppo.rollout_steps = 4 * kUnroll;
  config.algorithm.ppo.unroll_length = kUnroll;
  config.algorithm.ppo.minibatch_size = 8;
  config.algorithm.ppo.epochs = 2;
  return config;
}

ExperienceSchema PointSchema(v1::CollectMode mode) {
  ExperienceSchema schema;
  schema.mode = mode;
  schema.observation_size = kObservation;
  schema.action = PointSpec().action;
  schema.transitions_per_batch = 8;
  schema.unroll_length = kUnroll;
  schema.rollout_steps = 4 * kUnroll;
  schema.slots = 4;
  schema.steps_held = 12;
  schema.episode = EpisodeBounds::Of(PointSpec());
  return schema;
}

v1::ExperienceBatch MakeTransitions(uint64_t sequence, int64_t n, uint64_t policy_version) {
  v1::ExperienceBatch batch;
  batch.set_sequence(sequence);
  AddEpisode(&batch);
  v1::TransitionBatch* steps = batch.mutable_transitions();
  Fill({n, kObservation}, sequence, 0, steps->mutable_observation());
  Fill({n, kAction}, sequence, 0.1, steps->mutable_action());
  Fill({n}, sequence, 0.2, steps->mutable_reward());
  Fill({n, kObservation}, sequence, 0.3, steps->mutable_next_observation());
  ResizeTensor<uint8_t>({n}, steps->mutable_terminated());
  ResizeTensor<uint8_t>({n}, steps->mutable_truncated());
  ResizeTensor<int32_t>({n}, steps->mutable_slot());
  SetTensor<int64_t>({n}, std::vector<int64_t>(n, static_cast<int64_t>(policy_version)),
                     steps->mutable_policy_version());
  return batch;
}

v1::ExperienceBatch MakeTrajectory(uint64_t sequence, int64_t slots, uint64_t grant_id,
                                   uint64_t policy_version) {
  v1::ExperienceBatch batch;
  batch.set_sequence(sequence);
  AddEpisode(&batch);
  v1::TrajectoryBatch* steps = batch.mutable_trajectory();
  steps->set_grant_id(grant_id);
  steps->set_policy_version(policy_version);
  Fill({kUnroll + 1, slots, kObservation}, sequence, 0, steps->mutable_observation());
  Fill({kUnroll, slots, kAction}, sequence, 0.1, steps->mutable_action());
  Fill({kUnroll, slots}, sequence, 0.2, steps->mutable_reward());
  ResizeTensor<uint8_t>({kUnroll, slots}, steps->mutable_terminated())[(kUnroll - 1) * slots] = 1;
  ResizeTensor<uint8_t>({kUnroll, slots}, steps->mutable_truncated());
  SetTensor<uint8_t>({kUnroll, slots}, std::vector<uint8_t>(kUnroll * slots, 1),
                     steps->mutable_valid());
  SetTensor<float>({kUnroll, slots}, std::vector<float>(kUnroll * slots, -1.5f),
                   steps->mutable_behaviour_log_prob());
  Fill({1, kObservation}, sequence, 0.4, steps->mutable_final_observation());
  return batch;
}

}  // namespace armature
