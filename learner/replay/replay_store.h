// A ring of steps that holds each observation once; n-step returns, prioritised
// sampling and hindsight.
//
// Data flow: ExperienceIntake -> Insert; Sample -> OffPolicyAlgorithm::Update ->
// SetErrors. The device holds observations (observation_store.h) and actions, the
// host rewards, terminations and links (episode_links.h), so that rows are chosen,
// n-step returns summed and episodes walked without waiting for the device.
// A step may be sampled as soon as it is inserted.
//
// n-step: reward = sum over j < m of gamma^j r_j, discount = gamma^m, where m <= n
// ends early at the episode's end or at its newest step. The target is
//   reward + discount * (1 - terminated) * value(next_observation).
//
// Hindsight (Andrychowicz et al. 2017, arXiv:1707.01495; strategy `future`): of a
// batch the share k / (k + 1) has its desired goal replaced, in observation and
// next observation, by the goal achieved in the next observation of this or a later
// step of the same episode, uniformly. Its reward is computed anew, and it is terminated
// where the new goal ends the episode or the environment did. (A step that ended its
// episode can only get the goal that it achieved itself. So an end by success is one
// under the new goal as well, and an end by failure, a fall say, is one under any.)
// Steps of episodes that have not ended keep their own goal. Several batches are drawn
// at once, so that one call of the reward function serves them all.
//
// Bounds: capacity() = min(rows_max, budget_bytes less the streams' part /
// bytes_per_row) rows, all allocated by Create. A step takes one row and each
// episode one more; the oldest rows are overwritten.
// Thread safety: none; one trainer thread owns it.
#ifndef ARMATURE_LEARNER_REPLAY_REPLAY_STORE_H_
#define ARMATURE_LEARNER_REPLAY_REPLAY_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "c10/core/Device.h"
#include "common/policy/named_tensors.h"
#include "common/spec/goal_columns.h"
#include "learner/replay/episode_links.h"
#include "learner/replay/goal_reward.h"
#include "learner/replay/observation_store.h"
#include "learner/replay/prioritized_sampler.h"
#include "learner/replay/replay_random.h"
#include "learner/replay/row_sampler.h"
#include "learner/replay/samples.h"

namespace armature {

// n steps in row-major order, e.g. the TensorValues of a checked TransitionBatch.
// The steps of one slot are in order of time.
struct ReplaySteps {
  absl::Span<const float> observation;       // n * D
  absl::Span<const float> action;            // n * A
  absl::Span<const float> reward;            // n
  absl::Span<const float> next_observation;  // n * D
  absl::Span<const uint8_t> terminated;      // n
  absl::Span<const uint8_t> truncated;       // n
  absl::Span<const int32_t> slot;            // n
};

// B steps. The tensors are views of buffers that a later Sample overwrites.
struct ReplaySample {
  TransitionSample transitions;  // Runs of up to n steps; weight: importance, at most 1
  at::Tensor rows;               // int64 [B], on the CPU
  int64_t relabelled = 0;        // The first so many have another goal.
};

// A number for one process of an actor, the same in every process: where two have
// the same, nothing worse happens than that streams break.
uint64_t ActorNumber(absl::string_view name, uint64_t incarnation);

class ReplayStore {
 public:
  struct Hindsight {
    double k = 4;  // Relabelled steps for each that keeps its goal; > 0.
    GoalColumns goals;
    int64_t batches_ahead = 1;     // Drawn at once, each call of `reward`; >= 1.
    GoalReward* reward = nullptr;  // Outlives the store.
  };
  // With the goals of `env`. InvalidArgument: it has none.
  static absl::StatusOr<Hindsight> HindsightOf(const EnvSpec& env);

  struct Options {
    std::vector<ObservationField> observation;
    ObservationStore::FloatType float_type = ObservationStore::FloatType::kFloat32;
    int64_t action_size = 0;  // A
    int64_t budget_bytes = 0;
    int64_t rows_max = 0;
    int64_t size_min = 1;        // Rows that must fit.
    int64_t streams_max = 4096;  // Slots, over all actor processes.
    int64_t n_step = 1;
    double gamma = 0.99;
    std::optional<PrioritizedSampler::Options> prioritized;  // Absent: uniform.
    std::optional<Hindsight> hindsight;
    uint64_t seed = 0;
    c10::Device device = c10::kCPU;
  };
  // OK; InvalidArgument: a value is out of its range, the budget holds fewer than
  // size_min rows (says how many bytes each takes), or hindsight is asked for with
  // n_step > 1 or for goals that are not within one field.
  static absl::StatusOr<std::unique_ptr<ReplayStore>> Create(const Options& options);

  // Appends n steps of one actor process. Of more than fit only the last remain.
  // OK; InvalidArgument: a value that its column cannot hold; nothing is stored.
  absl::Status Insert(uint64_t actor, const ReplaySteps& steps);

  // `batch_size` steps. `progress` in [0, 1]: how much of the run is over.
  // FailedPrecondition: no step is held; otherwise what GoalReward answered.
  absl::StatusOr<const ReplaySample*> Sample(int64_t batch_size, double progress);

  // Temporal-difference errors of the latest sample, in its order. Steps that were
  // overwritten since are passed over. OK; InvalidArgument: not one for each step,
  // or one is not finite; nothing is changed.
  absl::Status SetErrors(absl::Span<const float> errors);

  int64_t steps() const { return links_.steps(); }  // Held, each may be sampled.
  int64_t rows() const { return links_.rows(); }    // Held, final observations too.
  int64_t capacity() const { return links_.capacity(); }
  double fill_ratio() const { return static_cast<double>(rows()) / capacity(); }
  int64_t bytes_per_row() const { return BytesPerRow(options_); }
  int64_t bytes() const;  // All of it, on device and host.
  // Bytes a row, rows, and how they are sampled; one line.
  std::string Describe() const;

  // Rows held and all that sampling depends on; names begin with "replay.". Large
  // tensors share memory. A store that loads it goes on bit for bit.
  NamedTensors State() const;
  // OK; InvalidArgument: a tensor is missing or does not fit; nothing is changed.
  absl::Status LoadState(const std::map<std::string, at::Tensor>& state);

 private:
  // Rows to write at once: as many as no row is begun twice in.
  struct Pending {
    int64_t first_serial = 0;   // Of the rows begun.
    int64_t oldest_serial = 0;  // Of those and of the rows filled.
    int64_t rows = 0;           // Begun.
    int64_t steps = 0;
  };

  struct Batch {
    std::vector<int64_t> serials;
    at::Tensor index;    // int64 [3, B] on the CPU: rows, next rows, goal rows
    at::Tensor scalars;  // float32 [4, B] on the CPU: reward, terminated, discount, weight
    ReplaySample sample;
  };

  ReplayStore(const Options& options, int64_t capacity);

  static absl::Status Validate(const Options& options);
  static int64_t BytesPerRow(const Options& options);
  static int64_t StreamBytes(const Options& options);
  void Write(const Pending& pending, const at::Tensor& observation, const at::Tensor& action,
             const at::Tensor& rows);
  void Resize(int64_t batch_size, Batch* batch) const;
  // Fills batches_ anew.
  absl::Status DrawBatches(int64_t batch_size, double progress);
  // All but rewards and terminations under new goals.
  void Draw(double progress, Batch* batch);
  // Moves the steps to relabel to the front and draws rows for their goals; returns
  // how many.
  int64_t ChooseGoals(Batch* batch);
  // Gives the batch's first steps the goals achieved at its goal rows, on the device.
  void SetGoals(const at::Tensor& goal_rows, Batch* batch) const;
  // Rewards and terminations of all relabelled steps of batches_.
  absl::Status ComputeRewards();
  // The batches drawn and not yet sampled: "replay.ahead.*"; none: no tensor.
  void AppendAhead(NamedTensors* state) const;
  absl::StatusOr<std::vector<Batch>> ReadAhead(
      const std::map<std::string, at::Tensor>& state) const;

  const Options options_;
  EpisodeLinks links_;
  ObservationStore observations_;
  at::Tensor actions_;  // float32 [capacity, A]
  std::unique_ptr<RowSampler> sampler_;
  ReplayRandom random_;

  std::vector<Batch> batches_;
  size_t next_batch_ = 0;     // The first of batches_ that was not sampled.
  Batch* sampled_ = nullptr;  // The latest sample.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_REPLAY_STORE_H_
