// Writes checkpoints on a thread of its own, one at a time, so that training goes on.
//
// Data flow: trainer -> Begin -> (thread) CheckpointFolder::Save -> TakeOutcome or Wait.
// Thread safety: none; belongs to the trainer's thread.
// Call order: (Begin (TakeOutcome* | Wait))*. What has begun is written to its end, also if this is
// destroyed.
#ifndef ARMATURE_LEARNER_CHECKPOINT_CHECKPOINT_WRITER_H_
#define ARMATURE_LEARNER_CHECKPOINT_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/sync/steady_time.h"
#include "learner/checkpoint/checkpoint_folder.h"

namespace armature {

class CheckpointWriter {
 public:
  struct Outcome {
    absl::StatusOr<uint64_t> bytes = uint64_t{0};  // Written; errors of CheckpointFolder::Save.
    absl::Duration duration;
  };

  // `folder` must outlive this; while is_writing, nobody else may use it.
  explicit CheckpointWriter(CheckpointFolder* folder) : folder_(folder) {}
  CheckpointWriter(const CheckpointWriter&) = delete;
  ~CheckpointWriter();

  // Begins to write. The values of `content` must not change any more. Requires !is_writing().
  void Begin(TensorFile content, std::shared_ptr<RowSnapshot> rows);
  // Whether something has begun whose outcome was not taken yet.
  bool is_writing() const { return thread_.joinable(); }

  // Returns how it went; nullopt if nothing was written or it goes on.
  std::optional<Outcome> TakeOutcome();
  // Waits for the outcome, without a limit: see docs/decisions/0013. Meanwhile, calls `on_written`
  // at least every second and at the end, once the total is known, on this thread. Requires
  // is_writing().
  Outcome Wait(const OnWritten& on_written);

 private:
  void Write(TensorFile content, std::shared_ptr<RowSnapshot> rows);

  CheckpointFolder* const folder_;
  std::thread thread_;
  absl::Mutex mutex_;
  SteadyCondVar progressed_;
  uint64_t written_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t total_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Outcome> outcome_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_CHECKPOINT_CHECKPOINT_WRITER_H_
