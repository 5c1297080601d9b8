// Transitions that are not yet in a batch, in order of time.
//
// Data flow: TransitionCutter -> TransitionBuffer -> ExperienceBatch.
// Bounds: at most one batch plus one step of every slot, since the actor stops stepping while the
// outbox is full.
// Thread safety: compatible.
#ifndef ARMATURE_ACTOR_COLLECT_TRANSITION_BUFFER_H_
#define ARMATURE_ACTOR_COLLECT_TRANSITION_BUFFER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

struct Transition {
  absl::Span<const float> observation;  // [D]
  absl::Span<const float> action;       // [A]
  float reward;
  absl::Span<const float> next_observation;  // [D]
  absl::Span<const float> goal_extra;        // [E]
  bool terminated;
  bool truncated;
  int32_t slot;
  int64_t policy_version;
};

class TransitionBuffer {
 public:
  // For transitions of `env`.
  explicit TransitionBuffer(const EnvSpec& env);

  // Copies the transition.
  void Append(const Transition& transition);
  int64_t size() const { return static_cast<int64_t>(reward_.size()); }

  // Removes and returns the oldest `count` transitions (at most size()).
  v1::TransitionBatch Take(int64_t count);

 private:
  const int64_t observation_size_;
  const int64_t action_size_;
  const int64_t goal_extra_size_;
  std::vector<float> observation_;
  std::vector<float> action_;
  std::vector<float> reward_;
  std::vector<float> next_observation_;
  std::vector<float> goal_extra_;
  std::vector<uint8_t> terminated_;
  std::vector<uint8_t> truncated_;
  std::vector<int32_t> slot_;
  std::vector<int64_t> policy_version_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_COLLECT_TRANSITION_BUFFER_H_
