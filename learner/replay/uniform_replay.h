// A ring of single steps, drawn from uniformly with replacement.
//
// Data flow: ExperienceIntake -> Insert; Sample -> OffPolicyAlgorithm::Update.
// A transition is one row [observation | action | reward | terminated |
// next_observation] of a matrix on the device, so that Insert is one copy and
// Sample one gather: 4 * (2 D + A + 2) bytes a transition.
// Bounds: min(capacity_max, budget_bytes / bytes_per_transition) transitions, all
// allocated by Create; the oldest are overwritten.
// Thread safety: none; one trainer thread owns it.
#ifndef ARMATURE_LEARNER_REPLAY_UNIFORM_REPLAY_H_
#define ARMATURE_LEARNER_REPLAY_UNIFORM_REPLAY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "c10/core/Device.h"
#include "common/policy/policy_network.h"
#include "learner/algorithms/algorithm.h"

namespace armature {

// n steps in row-major order, e.g. the TensorValues of a checked TransitionBatch.
struct TransitionSpans {
  absl::Span<const float> observation;       // n * D
  absl::Span<const float> action;            // n * A
  absl::Span<const float> reward;            // n
  absl::Span<const float> next_observation;  // n * D
  absl::Span<const uint8_t> terminated;      // n
};

class UniformReplay {
 public:
  struct Options {
    int64_t observation_size = 0;  // D
    int64_t action_size = 0;       // A
    int64_t budget_bytes = 0;
    int64_t capacity_max = 0;
    int64_t size_min = 1;  // Transitions before learning begins; must fit.
    c10::Device device = c10::kCPU;
  };
  // OK; InvalidArgument: a size is not positive, or the budget holds fewer than
  // size_min transitions (says how many bytes each takes).
  static absl::StatusOr<std::unique_ptr<UniformReplay>> Create(const Options& options);

  // Appends n steps. Of more than capacity() only the last ones remain.
  void Insert(const TransitionSpans& steps);

  // `batch_size` rows by independent uniform draws from `generator` (of the
  // device). The tensors are views of a buffer that the next call overwrites.
  // Requires size() > 0.
  const TransitionSample& Sample(int64_t batch_size, at::Generator generator);

  int64_t size() const { return size_; }
  int64_t capacity() const { return capacity_; }
  double fill_ratio() const { return static_cast<double>(size_) / capacity_; }
  int64_t bytes_per_transition() const;

  // "replay.transitions" [size, 2 D + A + 2], the filled part only and sharing
  // memory, and "replay.next_row" [], int64 on the CPU: where Insert goes on.
  NamedTensors State() const;
  // OK; InvalidArgument: a tensor is missing or does not fit; nothing is changed.
  absl::Status LoadState(const std::map<std::string, at::Tensor>& state);

 private:
  UniformReplay(const Options& options, int64_t capacity);

  const Options options_;
  const int64_t capacity_;
  at::Tensor rows_;  // [capacity, 2 D + A + 2]
  int64_t next_row_ = 0;
  int64_t size_ = 0;
  at::Tensor indices_;       // int64 [B]
  at::Tensor sampled_rows_;  // [B, 2 D + A + 2]
  TransitionSample sample_;  // Views of sampled_rows_.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_UNIFORM_REPLAY_H_
