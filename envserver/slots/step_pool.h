// Runs calls into environments on a fixed number of threads. If a call hangs, the pool abandons its
// thread and starts a new one in its place.
//
// Data flow: Submit(job of n items) -> RunItem(i) once each, on any thread (if it hangs: OnHung(i))
// -> OnFinished once.
// Fairness: threads take turns among the waiting jobs, about a millisecond each.
// Thread safety: all methods; Submit never blocks.
// Bounds: the queue is not limited; callers limit themselves (sessions by slots, calls by
// EnvService).
#ifndef ARMATURE_ENVSERVER_SLOTS_STEP_POOL_H_
#define ARMATURE_ENVSERVER_SLOTS_STEP_POOL_H_

#include <cstdint>
#include <memory>

#include "absl/time/time.h"

namespace armature {

class PoolJob {
 public:
  virtual ~PoolJob() = default;

  // Must not throw. May still be running after OnHung(item) and OnFinished, so everything it
  // touches must be its own.
  virtual void RunItem(int64_t item) = 0;

  // RunItem(item) has exceeded the pool's timeout. Must not block.
  virtual void OnHung(int64_t item) = 0;

  // Every item has ended or hung. Must not block; may call Submit.
  virtual void OnFinished() = 0;
};

class StepPool {
 public:
  struct Options {
    int64_t threads = 1;  // At least 1.
    absl::Duration call_timeout = absl::Seconds(10);
  };

  explicit StepPool(const Options& options);
  // Finishes submitted jobs, but does not wait for hung calls.
  ~StepPool();
  StepPool(const StepPool&) = delete;
  StepPool& operator=(const StepPool&) = delete;

  // `count` is at least 1. The job is kept alive until its last item has returned.
  void Submit(std::shared_ptr<PoolJob> job, int64_t count);

  int64_t threads() const;
  absl::Duration call_timeout() const;
  // Number of abandoned threads whose call has not returned yet.
  int64_t abandoned() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;  // Shared with the threads, since a hung one may outlive the pool.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SLOTS_STEP_POOL_H_
