#include "envserver/slots/step_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/sync/steady_time.h"

namespace armature {
namespace {

using SteadyClock = std::chrono::steady_clock;

// How long a thread stays with one job while others wait.
constexpr SteadyClock::duration kTimeSlice = std::chrono::milliseconds(1);

// A submitted job and its progress.
struct Submission {
  std::shared_ptr<PoolJob> job;
  int64_t count;
  std::atomic<int64_t> next{0};       // First item not yet taken.
  std::atomic<int64_t> remaining{0};  // Items that have neither ended nor hung.

  void ItemOver() {
    if (remaining.fetch_sub(1, std::memory_order_acq_rel) == 1) job->OnFinished();
  }
};

// The call that a thread is currently in, shared with the watchdog.
struct Worker {
  absl::Mutex mutex;
  std::shared_ptr<Submission> submission ABSL_GUARDED_BY(mutex);  // Null: not in a call.
  int64_t item ABSL_GUARDED_BY(mutex) = 0;
  SteadyClock::time_point start ABSL_GUARDED_BY(mutex);
  bool abandoned ABSL_GUARDED_BY(mutex) = false;
};

}  // namespace

// Lock order: mutex_ before any Worker::mutex.
class StepPool::Core : public std::enable_shared_from_this<StepPool::Core> {
 public:
  explicit Core(const Options& options) : options_(options) {}

  void Start() {
    {
      absl::MutexLock lock(&mutex_);
      for (int64_t i = 0; i < options_.threads; ++i) StartWorker();
    }
    watchdog_ = std::thread([this] { Watch(); });
  }

  void Stop() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
      work_.SignalAll();
      mutex_.Await(absl::Condition(
          +[](int64_t* live) { return *live == 0; }, &live_workers_));
      watchdog_stopping_ = true;
      watch_.NotifyAll();
    }
    watchdog_.join();
  }

  void Submit(std::shared_ptr<PoolJob> job, int64_t count) {
    auto submission = std::make_shared<Submission>();
    submission->job = std::move(job);
    submission->count = count;
    submission->remaining.store(count, std::memory_order_relaxed);
    absl::MutexLock lock(&mutex_);
    queue_.push_back(std::move(submission));
    if (idle_workers_ > 0) work_.Signal();
  }

  const Options& options() const { return options_; }

  int64_t abandoned() const {
    absl::MutexLock lock(&mutex_);
    return abandoned_;
  }

 private:
  void StartWorker() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ++live_workers_;
    auto worker = std::make_shared<Worker>();
    workers_.push_back(worker);
    std::thread([core = shared_from_this(), worker] { core->Work(*worker); }).detach();
  }

  void Work(Worker& worker) {
    while (std::shared_ptr<Submission> submission = Next()) {
      if (!RunItems(worker, submission)) {
        submission.reset();
        absl::MutexLock lock(&mutex_);
        --abandoned_;
        return;
      }
    }
    absl::MutexLock lock(&mutex_);
    --live_workers_;
  }

  // Returns a job with an item left to take, or null when the pool stops.
  std::shared_ptr<Submission> Next() {
    absl::MutexLock lock(&mutex_);
    while (true) {
      while (!queue_.empty()) {
        std::shared_ptr<Submission> submission = std::move(queue_.front());
        queue_.pop_front();
        const int64_t left = submission->count - submission->next.load(std::memory_order_relaxed);
        if (left <= 0) continue;
        // The caller takes at least one item, so a job with one item left can be removed.
        if (left > 1) {
          queue_.push_back(submission);
          if (idle_workers_ > 0) work_.Signal();
        }
        return submission;
      }
      if (stopping_) return nullptr;
      ++idle_workers_;
      work_.Wait(&mutex_);
      --idle_workers_;
    }
  }

  // Returns false if this thread was given up and has been replaced.
  bool RunItems(Worker& worker, const std::shared_ptr<Submission>& submission) {
    const SteadyClock::time_point slice_start = SteadyClock::now();
    SteadyClock::time_point now = slice_start;
    while (now - slice_start < kTimeSlice) {
      const int64_t item = submission->next.fetch_add(1, std::memory_order_relaxed);
      if (item >= submission->count) return true;
      {
        absl::MutexLock lock(&worker.mutex);
        worker.submission = submission;
        worker.item = item;
        worker.start = now;
      }
      if (watchdog_parked_.load(std::memory_order_relaxed)) UnparkWatchdog();
      submission->job->RunItem(item);
      {
        absl::MutexLock lock(&worker.mutex);
        if (worker.abandoned) return false;
        worker.submission = nullptr;
      }
      submission->ItemOver();
      now = SteadyClock::now();
    }
    return true;
  }

  void UnparkWatchdog() {
    absl::MutexLock lock(&mutex_);
    watch_.NotifyAll();
  }

  // Sleeps until the oldest running call would exceed its time limit; without limit if no call is
  // running. If the watchdog misses a call that begins, that thread sees `watchdog_parked_`, since
  // both take the Worker's mutex in between.
  void Watch() {
    absl::MutexLock lock(&mutex_);
    while (!watchdog_stopping_) {
      watchdog_parked_.store(true, std::memory_order_relaxed);
      const SteadyClock::duration timeout = absl::ToChronoNanoseconds(options_.call_timeout);
      const SteadyClock::time_point now = SteadyClock::now();
      SteadyClock::time_point first_deadline = SteadyClock::time_point::max();
      std::vector<std::shared_ptr<Worker>> late;
      for (const std::shared_ptr<Worker>& worker : workers_) {
        absl::MutexLock worker_lock(&worker->mutex);
        if (worker->submission == nullptr) continue;
        if (worker->start + timeout <= now) {
          worker->abandoned = true;
          late.push_back(worker);
        } else {
          first_deadline = std::min(first_deadline, worker->start + timeout);
        }
      }
      if (!late.empty()) {
        for (const std::shared_ptr<Worker>& worker : late) GiveUp(worker);
      } else if (first_deadline == SteadyClock::time_point::max()) {
        watch_.WaitUntil(&mutex_, absl::InfiniteFuture());
      } else {
        watchdog_parked_.store(false, std::memory_order_relaxed);
        watch_.WaitFor(&mutex_, absl::FromChrono(first_deadline - now));
      }
    }
  }

  void GiveUp(const std::shared_ptr<Worker>& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    workers_.erase(std::find(workers_.begin(), workers_.end(), worker));
    ++abandoned_;
    std::shared_ptr<Submission> submission;
    int64_t item;
    {
      absl::MutexLock worker_lock(&worker->mutex);
      submission = std::move(worker->submission);
      item = worker->item;
    }
    mutex_.Unlock();
    submission->job->OnHung(item);
    submission->ItemOver();
    submission.reset();
    mutex_.Lock();
    // Last, so that a stopping pool still has a thread for jobs that OnFinished submits.
    StartWorker();
    --live_workers_;  // Replaces the one given up.
  }

  const Options options_;
  mutable absl::Mutex mutex_;
  absl::CondVar work_;   // The queue has a job, or `stopping_` is set.
  SteadyCondVar watch_;  // A call began while the watchdog was parked, or it must stop.
  std::deque<std::shared_ptr<Submission>> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Worker>> workers_ ABSL_GUARDED_BY(mutex_);
  int64_t live_workers_ ABSL_GUARDED_BY(mutex_) = 0;  // Without those given up.
  int64_t idle_workers_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t abandoned_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool watchdog_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> watchdog_parked_{false};
  std::thread watchdog_;
};

StepPool::StepPool(const Options& options) : core_(std::make_shared<Core>(options)) {
  core_->Start();
}

StepPool::~StepPool() { core_->Stop(); }

void StepPool::Submit(std::shared_ptr<PoolJob> job, int64_t count) {
  core_->Submit(std::move(job), count);
}

int64_t StepPool::threads() const { return core_->options().threads; }
absl::Duration StepPool::call_timeout() const { return core_->options().call_timeout; }
int64_t StepPool::abandoned() const { return core_->abandoned(); }

}  // namespace armature
