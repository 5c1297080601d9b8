#include "actor/collect/trajectory_cutter.h"

#include <algorithm>
#include <limits>

#include "absl/types/span.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

template <typename T>
void Extend(const std::vector<T>& from, std::vector<T>* to) {
  to->insert(to->end(), from.begin(), from.end());
}

}  // namespace

TrajectoryCutter::TrajectoryCutter(int64_t unroll_length, int64_t num_slots,
                                   int64_t observation_size, int64_t action_size)
    : unroll_length_(unroll_length),
      num_slots_(num_slots),
      observation_size_(observation_size),
      action_size_(action_size) {}

void TrajectoryCutter::Begin() {
  recording_ = true;
  length_ = 0;
  observation_ = latest_;
  action_.clear();
  reward_.clear();
  terminated_.clear();
  truncated_.clear();
  valid_.clear();
  log_prob_.clear();
  final_observation_.clear();
  policy_version_ = std::numeric_limits<uint64_t>::max();
}

void TrajectoryCutter::OnAction(const GroupActions& actions) {
  Extend(actions.stored, &action_);
  Extend(actions.log_prob, &log_prob_);
  policy_version_ = std::min(policy_version_, actions.policy_version);
}

void TrajectoryCutter::OnStep(const DecodedStep& step) {
  latest_ = step.observation;
  if (step.step == 0) recording_ = false;
  if (!recording_) return;
  Extend(step.observation, &observation_);
  Extend(step.reward, &reward_);
  Extend(step.terminated, &terminated_);
  Extend(step.truncated, &truncated_);
  for (uint8_t restarted : step.restarted) valid_.push_back(restarted == 0 ? 1 : 0);
  Extend(step.final_observation, &final_observation_);
  ++length_;
}

v1::TrajectoryBatch TrajectoryCutter::Take() {
  recording_ = false;
  const int64_t t = unroll_length_, n = num_slots_;
  const int64_t finals = static_cast<int64_t>(final_observation_.size()) / observation_size_;
  v1::TrajectoryBatch batch;
  SetTensor<float>({t + 1, n, observation_size_}, observation_, batch.mutable_observation());
  SetTensor<float>({t, n, action_size_}, action_, batch.mutable_action());
  SetTensor<float>({t, n}, reward_, batch.mutable_reward());
  SetTensor<uint8_t>({t, n}, terminated_, batch.mutable_terminated());
  SetTensor<uint8_t>({t, n}, truncated_, batch.mutable_truncated());
  SetTensor<uint8_t>({t, n}, valid_, batch.mutable_valid());
  SetTensor<float>({t, n}, log_prob_, batch.mutable_behaviour_log_prob());
  SetTensor<float>({finals, observation_size_}, final_observation_,
                   batch.mutable_final_observation());
  batch.set_policy_version(policy_version_);
  return batch;
}

}  // namespace armature
