#include "learner/replay/trajectory_buffer.h"

#include <algorithm>
#include <utility>

#include "ATen/ATen.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

template <typename T>
at::Tensor Unpack(const v1::Tensor& tensor) {
  const std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
  at::Tensor unpacked = at::empty(shape, c10::CppTypeToScalarType<T>::value);
  std::copy(tensor.packed().begin(), tensor.packed().end(),
            static_cast<char*>(unpacked.mutable_data_ptr()));
  return unpacked.to(at::kFloat);
}

// Each trajectory has its final observations in row-major order of its own [T, B]. Returns their
// rows in the concatenation, in row-major order of the joint [T, N].
at::Tensor JointOrder(const std::vector<Trajectory>& trajectories) {
  std::vector<int64_t> next_row;
  std::vector<at::Tensor> ended;
  int64_t rows = 0;
  for (const Trajectory& trajectory : trajectories) {
    next_row.push_back(rows);
    rows += trajectory.final_observation.size(0);
    ended.push_back(at::maximum(trajectory.terminated, trajectory.truncated).contiguous());
  }
  std::vector<int64_t> order;
  const int64_t steps = ended.front().size(0);
  for (int64_t t = 0; t < steps; ++t) {
    for (size_t i = 0; i < ended.size(); ++i) {
      const int64_t slots = ended[i].size(1);
      const float* flags = ended[i].const_data_ptr<float>() + t * slots;
      for (int64_t slot = 0; slot < slots; ++slot) {
        if (flags[slot] != 0) order.push_back(next_row[i]++);
      }
    }
  }
  return at::tensor(order, at::kLong);
}

}  // namespace

Trajectory UnpackTrajectory(const v1::TrajectoryBatch& batch) {
  Trajectory trajectory;
  trajectory.grant_id = batch.grant_id();
  trajectory.policy_version = batch.policy_version();
  trajectory.observation = Unpack<float>(batch.observation());
  trajectory.action = Unpack<float>(batch.action());
  trajectory.reward = Unpack<float>(batch.reward());
  trajectory.terminated = Unpack<uint8_t>(batch.terminated());
  trajectory.truncated = Unpack<uint8_t>(batch.truncated());
  trajectory.valid = Unpack<uint8_t>(batch.valid());
  trajectory.behaviour_log_prob = Unpack<float>(batch.behaviour_log_prob());
  trajectory.final_observation = Unpack<float>(batch.final_observation());
  return trajectory;
}

bool TrajectoryBuffer::IsStale(const Trajectory& trajectory, uint64_t newest_version) const {
  return trajectory.policy_version + options_.max_policy_lag < newest_version;
}

bool TrajectoryBuffer::Add(Trajectory trajectory, uint64_t newest_version) {
  if (IsStale(trajectory, newest_version)) {
    ++dropped_;
    return false;
  }
  steps_ += trajectory.reward.numel();
  trajectories_.push_back(std::move(trajectory));
  return true;
}

void TrajectoryBuffer::DropStale(uint64_t newest_version) {
  const auto stale = std::remove_if(
      trajectories_.begin(), trajectories_.end(),
      [&](const Trajectory& trajectory) { return IsStale(trajectory, newest_version); });
  dropped_ += trajectories_.end() - stale;
  trajectories_.erase(stale, trajectories_.end());
  steps_ = 0;
  for (const Trajectory& trajectory : trajectories_) steps_ += trajectory.reward.numel();
}

TrajectorySet TrajectoryBuffer::Take() {
  std::sort(trajectories_.begin(), trajectories_.end(),
            [](const Trajectory& a, const Trajectory& b) { return a.grant_id < b.grant_id; });
  auto join = [&](at::Tensor Trajectory::*member, int64_t dim) {
    std::vector<at::Tensor> parts;
    for (const Trajectory& trajectory : trajectories_) parts.push_back(trajectory.*member);
    return at::cat(parts, dim);
  };
  TrajectorySet set;
  set.observation = join(&Trajectory::observation, 1);
  set.action = join(&Trajectory::action, 1);
  set.reward = join(&Trajectory::reward, 1);
  set.terminated = join(&Trajectory::terminated, 1);
  set.truncated = join(&Trajectory::truncated, 1);
  set.valid = join(&Trajectory::valid, 1);
  set.behaviour_log_prob = join(&Trajectory::behaviour_log_prob, 1);
  set.final_observation =
      join(&Trajectory::final_observation, 0).index_select(0, JointOrder(trajectories_));
  for (at::Tensor* tensor :
       {&set.observation, &set.action, &set.reward, &set.terminated, &set.truncated, &set.valid,
        &set.behaviour_log_prob, &set.final_observation}) {
    *tensor = tensor->to(options_.device);
  }
  trajectories_.clear();
  steps_ = 0;
  return set;
}

}  // namespace armature
