#include "learner/training/on_policy_core.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/algorithms/factory.h"
#include "learner/intake/experience_check.h"

namespace armature {

absl::StatusOr<std::unique_ptr<OnPolicyCore>> OnPolicyCore::Create(
    const RunConfig& config, const EnvSpec& env, c10::Device device,
    CollectCoordinator* coordinator) {
  absl::StatusOr<std::unique_ptr<OnPolicyAlgorithm>> algorithm =
      MakeOnPolicyAlgorithm(config.algorithm, env, config.run.seed, device);
  if (!algorithm.ok()) return algorithm.status();
  // Observation, action, reward, log-probability and three flags, as float32.
  const int64_t bytes_per_step =
      static_cast<int64_t>(sizeof(float)) * (env.observation_size() + env.action.size() + 5);
  return std::unique_ptr<OnPolicyCore>(
      new OnPolicyCore(config, bytes_per_step, device, *std::move(algorithm), coordinator));
}

OnPolicyCore::OnPolicyCore(const RunConfig& config, int64_t bytes_per_step, c10::Device device,
                           std::unique_ptr<OnPolicyAlgorithm> algorithm,
                           CollectCoordinator* coordinator)
    : rollout_steps_(config.algorithm.ppo.rollout_steps),
      bytes_per_step_(bytes_per_step),
      algorithm_(std::move(algorithm)),
      coordinator_(coordinator),
      buffer_({config.algorithm.ppo.rollout_steps,
               static_cast<uint64_t>(config.algorithm.ppo.max_policy_lag), device}) {}

LearningCore::Holding OnPolicyCore::holding() const {
  return {buffer_.steps(), buffer_.steps() * bytes_per_step_,
          static_cast<double>(buffer_.steps()) / rollout_steps_};
}

std::string OnPolicyCore::Describe() const {
  return absl::StrCat(bytes_per_step_, " bytes a step, sets of ", rollout_steps_, " steps");
}

bool OnPolicyCore::CanInsert(int64_t) const { return !buffer_.ready(); }

absl::Status OnPolicyCore::Insert(const ActorKey&, const v1::ExperienceBatch& batch) {
  const uint64_t version = batch.trajectory().policy_version();
  const bool added = buffer_.Add(UnpackTrajectory(batch.trajectory()), version_);
  coordinator_->Consumed(ExperienceSteps(batch), buffer_.steps(), version_);
  if (added) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("trajectory.policy_version=", version, " is too old: the newest is ", version_));
}

bool OnPolicyCore::CanUpdate() const { return buffer_.ready(); }

absl::Status OnPolicyCore::Update(double progress) {
  const TrajectorySet set = buffer_.Take();
  algorithm_->Update(set, progress);
  publish_due_ = true;
  // Publishing is due now and waits for the device anyway.
  absl::Status status = CheckFinite();
  if (!status.ok()) {
    last_batch_ = {{"observation", set.observation},
                   {"action", set.action},
                   {"reward", set.reward},
                   {"terminated", set.terminated},
                   {"truncated", set.truncated},
                   {"valid", set.valid},
                   {"behaviour_log_prob", set.behaviour_log_prob},
                   {"final_observation", set.final_observation}};
  }
  return status;
}

NamedTensors OnPolicyCore::LastBatch() const { return last_batch_; }

bool OnPolicyCore::PublishDue(uint64_t) const { return publish_due_; }

void OnPolicyCore::OnPublished(uint64_t version) {
  version_ = version;
  publish_due_ = false;
  buffer_.DropStale(version);
  coordinator_->Consumed(0, buffer_.steps(), version);
}

std::string OnPolicyCore::WhyNoUpdate() const {
  if (buffer_.ready()) return "";
  return absl::StrCat("the learner waits for trajectories: ", buffer_.steps(), " of ",
                      rollout_steps_, " steps came, ", coordinator_->granted_steps(),
                      " are being collected");
}

std::string OnPolicyCore::WhyNoInsert(int64_t) const {
  return buffer_.ready() ? "actors wait for the learner to learn from a full set" : "";
}

}  // namespace armature
