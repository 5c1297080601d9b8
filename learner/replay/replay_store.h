// A ring of steps that stores each observation once; with n-step returns, prioritised sampling and
// hindsight.
//
// Data flow: ExperienceIntake -> Insert; Sample -> OffPolicyAlgorithm::Update -> SetErrors.
// Observations (observation_store.h) and actions are on the device; rewards, terminations and links
// (episode_links.h) on the host. So choosing rows, summing n-step returns and walking episodes
// never wait for the device. A step may be sampled as soon as it is inserted.
//
// n-step: reward = sum over j < m of gamma^j r_j, discount = gamma^m, with m <= n; m < n at the
// episode's end or its newest step. The target is
//   reward + discount * (1 - terminated) * value(next_observation).
//
// Hindsight (Andrychowicz et al. 2017, arXiv:1707.01495; strategy `future`): a share k / (k + 1) of
// a batch gets a new desired goal, in observation and next observation: the goal achieved in the
// next observation of this or a later step of the same episode, drawn uniformly. The reward is
// recomputed, from the new goal and the step's own goal extras, which are kept as float32. The step
// is terminated if the new goal ends the episode or the environment had
// terminated it. (A step that ended its episode can only get the goal it achieved itself. So if it
// ended by success, that also holds for the new goal; if it ended by failure, e.g. a fall, it does
// so for any goal.) Steps of unfinished episodes keep their goal. Several batches are drawn at
// once, to share one call of the reward function.
//
// Bounds: capacity() = min(rows_max, (budget_bytes - bytes of the streams) / bytes_per_row) rows,
// all allocated by Create. A step takes one row, and each episode one more. The oldest rows are
// overwritten.
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
#include "learner/replay/row_segments.h"
#include "learner/replay/row_snapshot.h"
#include "learner/replay/samples.h"

namespace armature {

// n steps in row-major order, e.g. the TensorValues of a checked TransitionBatch. The steps of each
// slot are in time order.
struct ReplaySteps {
  absl::Span<const float> observation;       // n * D
  absl::Span<const float> action;            // n * A
  absl::Span<const float> reward;            // n
  absl::Span<const float> next_observation;  // n * D
  absl::Span<const uint8_t> terminated;      // n
  absl::Span<const uint8_t> truncated;       // n
  absl::Span<const int32_t> slot;            // n
  absl::Span<const float> goal_extra = {};   // n * E; kept only for hindsight
};

// B steps. The tensors are views of buffers that a later Sample may overwrite.
struct ReplaySample {
  TransitionSample transitions;  // Runs of up to n steps; weight: importance, at most 1.
  at::Tensor rows;               // int64 [B], on the CPU.
  int64_t relabelled = 0;        // The first this many have a new goal.
};

// A number for one process of an actor, the same in every process. If two collide, the only harm is
// that streams break.
uint64_t ActorNumber(absl::string_view name, uint64_t incarnation);

class ReplayStore {
 public:
  struct Hindsight {
    double k = 4;  // Relabelled steps per step that keeps its goal; > 0.
    GoalColumns goals;
    int64_t extra_size = 0;        // E: values of a step that its reward needs beside the goals.
    int64_t batches_ahead = 1;     // Drawn at once, per call of `reward`; >= 1.
    GoalReward* reward = nullptr;  // Must outlive the store.
  };
  // Uses the goals of `env`. Returns InvalidArgument if it has none.
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
    std::optional<PrioritizedSampler::Options> prioritized;  // Absent: uniform sampling.
    std::optional<Hindsight> hindsight;
    uint64_t seed = 0;
    c10::Device device = c10::kCPU;
    int64_t segment_bytes_max = 8 << 20;  // Of a checkpoint, see RowSegments.
  };
  // Returns InvalidArgument if a value is out of range, if the budget holds fewer than size_min
  // rows (says how many bytes each takes), or if hindsight is used with n_step > 1 or with goals
  // that are not within one field.
  static absl::StatusOr<std::unique_ptr<ReplayStore>> Create(const Options& options);

  // Appends n steps of one actor process; if they do not all fit, only the last remain. Returns
  // InvalidArgument, and stores nothing, if a value does not fit its column.
  absl::Status Insert(uint64_t actor, const ReplaySteps& steps);

  // Samples `batch_size` steps. `progress` in [0, 1] is how much of the run is done. Returns
  // FailedPrecondition if there is no step, or GoalReward's error.
  absl::StatusOr<const ReplaySample*> Sample(int64_t batch_size, double progress);

  // Sets the temporal-difference errors of the latest sample, in its order. Steps overwritten since
  // are skipped. Returns InvalidArgument, without any change, unless there is one finite error per
  // step.
  absl::Status SetErrors(absl::Span<const float> errors);

  int64_t steps() const { return links_.steps(); }  // Held; all may be sampled.
  int64_t rows() const { return links_.rows(); }    // Held, including final observations.
  int64_t capacity() const { return links_.capacity(); }
  double fill_ratio() const { return static_cast<double>(rows()) / capacity(); }
  int64_t bytes_per_row() const { return BytesPerRow(options_); }
  int64_t bytes() const;  // In total, on device and host.
  // Bytes per row, rows and kind of sampling, in one line.
  std::string Describe() const;

  // The state is the rows held and all else that sampling depends on; names begin with "replay.". A
  // store that loads both continues bit for bit.
  //
  // The rows as they are now, for another thread to read. Cancels the snapshot before.
  std::shared_ptr<RowSnapshot> SnapshotRows();
  NamedTensors StateBesideRows() const;  // Copies.
  // Both at once; the rows share memory.
  NamedTensors State() const;
  // Returns InvalidArgument, without any change, if a tensor is missing or does not fit.
  absl::Status LoadState(const std::map<std::string, at::Tensor>& state);

 private:
  // Rows to write in one go: as many as possible without beginning a row twice.
  struct Pending {
    int64_t first_serial = 0;   // Of the rows begun.
    int64_t oldest_serial = 0;  // Of rows begun or filled.
    int64_t rows = 0;           // Rows begun.
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
  int64_t extra_size() const { return extras_.size(1); }
  // What a checkpoint has of each row, sharing memory.
  NamedTensors Columns();
  void Write(const Pending& pending, const at::Tensor& observation, const at::Tensor& action,
             const at::Tensor& extra, const at::Tensor& rows);
  void Resize(int64_t batch_size, Batch* batch) const;
  // Redraws all of batches_.
  absl::Status DrawBatches(int64_t batch_size, double progress);
  // Does everything except rewards and terminations for new goals.
  void Draw(double progress, Batch* batch);
  // Moves the steps to relabel to the front and draws rows for their goals; returns their number.
  int64_t ChooseGoals(Batch* batch);
  // Gives the first steps of the batch the goals achieved at `goal_rows`, on the device.
  void SetGoals(const at::Tensor& goal_rows, Batch* batch) const;
  // Computes rewards and terminations of all relabelled steps of batches_.
  absl::Status ComputeRewards();
  // Appends the batches that were drawn but not sampled yet: "replay.ahead.*"; if none, no tensor.
  void AppendAhead(NamedTensors* state) const;
  absl::StatusOr<std::vector<Batch>> ReadAhead(
      const std::map<std::string, at::Tensor>& state) const;

  const Options options_;
  EpisodeLinks links_;
  ObservationStore observations_;
  at::Tensor actions_;  // float32 [capacity, A]
  at::Tensor extras_;   // float32 [capacity, E]; E is 0 without hindsight.
  RowSegments segments_;
  std::unique_ptr<RowSampler> sampler_;
  ReplayRandom random_;

  std::vector<Batch> batches_;
  size_t next_batch_ = 0;     // The first of batches_ not sampled yet.
  Batch* sampled_ = nullptr;  // The latest sample.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_REPLAY_STORE_H_
