// Collects unrolls of all actors' groups until they make a full set.
//
// Data flow: ExperienceIntake -> Add*; ready -> Take -> OnPolicyAlgorithm::Update.
// Bounds: none of its own; the owner stops adding once ready().
// Thread safety: none; the owner locks.
#ifndef ARMATURE_LEARNER_REPLAY_TRAJECTORY_BUFFER_H_
#define ARMATURE_LEARNER_REPLAY_TRAJECTORY_BUFFER_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "c10/core/Device.h"
#include "learner/replay/samples.h"
#include "proto/learner_service.pb.h"

namespace armature {

// One TrajectoryBatch as float32 tensors on the CPU.
struct Trajectory {
  uint64_t grant_id = 0;
  uint64_t policy_version = 0;
  at::Tensor observation;         // [T + 1, B, D]
  at::Tensor action;              // [T, B, A]
  at::Tensor reward;              // [T, B]
  at::Tensor terminated;          // [T, B]
  at::Tensor truncated;           // [T, B]
  at::Tensor valid;               // [T, B]
  at::Tensor behaviour_log_prob;  // [T, B]
  at::Tensor final_observation;   // [k, D]
};

// Copies a batch that the intake has checked.
Trajectory UnpackTrajectory(const v1::TrajectoryBatch& batch);

class TrajectoryBuffer {
 public:
  struct Options {
    int64_t rollout_steps = 1;    // A set is full with at least this many steps.
    uint64_t max_policy_lag = 0;  // In versions.
    c10::Device device = c10::kCPU;
  };
  explicit TrajectoryBuffer(const Options& options) : options_(options) {}

  // Adds a trajectory. Returns false, and drops it, if its policy is more than max_policy_lag
  // versions older than `newest_version`. T must be the same for all.
  bool Add(Trajectory trajectory, uint64_t newest_version);
  // Drops trajectories that are now too old.
  void DropStale(uint64_t newest_version);

  bool ready() const { return steps_ >= options_.rollout_steps; }
  // Returns everything held, on the device, and empties the buffer. Slots are side by side in
  // ascending order of grant_id, so the order of arrival does not matter. Requires ready().
  TrajectorySet Take();

  int64_t steps() const { return steps_; }      // Held, including void steps.
  int64_t dropped() const { return dropped_; }  // Trajectories so far.

 private:
  bool IsStale(const Trajectory& trajectory, uint64_t newest_version) const;

  const Options options_;
  std::vector<Trajectory> trajectories_;
  int64_t steps_ = 0;
  int64_t dropped_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_TRAJECTORY_BUFFER_H_
