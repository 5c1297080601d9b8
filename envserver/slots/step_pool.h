// Runs calls into environments on a fixed number of threads, and gives up on
// those that hang: the stuck thread is left to itself and another takes its place.
//
// Data flow: Submit(job of n items) -> RunItem(i) once each, on any thread
// (hung: OnHung(i) instead of its end) -> OnFinished once.
// Fairness: threads go round the waiting jobs, about a millisecond each.
// Thread safety: all methods; Submit never blocks.
// Bounds: the queue holds what callers submit; they bound themselves (sessions by
// slots, calls by EnvService).
#ifndef ARMATURE_ENVSERVER_SLOTS_STEP_POOL_H_
#define ARMATURE_ENVSERVER_SLOTS_STEP_POOL_H_

#include <cstdint>
#include <memory>

#include "absl/time/time.h"

namespace armature {

class PoolJob {
 public:
  virtual ~PoolJob() = default;

  // Must not throw. May still be running after OnHung(item) and OnFinished: what
  // it touches must then be its own.
  virtual void RunItem(int64_t item) = 0;

  // RunItem(item) has taken longer than the pool's timeout. Must not block.
  virtual void OnHung(int64_t item) = 0;

  // Every item has ended or hung. Must not block; may Submit.
  virtual void OnFinished() = 0;
};

class StepPool {
 public:
  struct Options {
    int64_t threads = 1;  // At least 1.
    absl::Duration call_timeout = absl::Seconds(10);
  };

  explicit StepPool(const Options& options);
  // Runs what was submitted, then returns; does not wait for calls that hang.
  ~StepPool();
  StepPool(const StepPool&) = delete;
  StepPool& operator=(const StepPool&) = delete;

  // `count` is at least 1. The job lives until its last item has returned.
  void Submit(std::shared_ptr<PoolJob> job, int64_t count);

  int64_t threads() const;
  absl::Duration call_timeout() const;
  // Threads given up whose call has not returned yet.
  int64_t abandoned() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;  // Shared with the threads: a hung one may outlive the pool.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SLOTS_STEP_POOL_H_
