#include "envserver/slots/step_pool.h"

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class TestJob : public PoolJob {
 public:
  explicit TestJob(std::function<void(int64_t)> run) : run_(std::move(run)) {}
  void RunItem(int64_t item) override { run_(item); }
  void OnHung(int64_t item) override { hung.push_back(item); }
  void OnFinished() override {
    if (finished_) finished_();
    finished.Notify();
  }
  void set_finished(std::function<void()> finished) { finished_ = std::move(finished); }

  std::vector<int64_t> hung;
  absl::Notification finished;

 private:
  const std::function<void(int64_t)> run_;
  std::function<void()> finished_;
};

TEST(StepPoolTest, RunsEveryItemOnce) {
  StepPool pool({3, absl::Seconds(60)});
  std::vector<std::atomic<int>> runs(1000);
  auto job = std::make_shared<TestJob>([&](int64_t item) { ++runs[item]; });
  pool.Submit(job, 1000);
  job->finished.WaitForNotification();
  for (const std::atomic<int>& count : runs) EXPECT_EQ(count, 1);
  EXPECT_TRUE(job->hung.empty());
}

TEST(StepPoolTest, RunsItemsAtTheSameTime) {
  StepPool pool({2, absl::Seconds(60)});
  absl::Barrier* both = new absl::Barrier(2);
  auto job = std::make_shared<TestJob>([&](int64_t) {
    if (both->Block()) delete both;
  });
  pool.Submit(job, 2);
  job->finished.WaitForNotification();
}

TEST(StepPoolTest, DestructionRunsWhatWasSubmittedAndWhatThatSubmits) {
  std::atomic<int> runs{0};
  {
    StepPool pool({1, absl::Seconds(60)});
    auto first = std::make_shared<TestJob>([&](int64_t) { ++runs; });
    first->set_finished(
        [&] { pool.Submit(std::make_shared<TestJob>([&](int64_t) { ++runs; }), 5); });
    pool.Submit(first, 3);
  }
  EXPECT_EQ(runs, 8);
}

TEST(StepPoolTest, AHungItemIsGivenUpAndTheOthersRunOnAnotherThread) {
  auto gate = std::make_shared<absl::Notification>();
  StepPool pool({1, absl::Milliseconds(50)});
  std::atomic<int> runs{0};
  auto job = std::make_shared<TestJob>([&runs, gate](int64_t item) {
    if (item == 1) {
      gate->WaitForNotification();
    } else {
      ++runs;
    }
  });
  pool.Submit(job, 4);
  job->finished.WaitForNotification();
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(job->hung, std::vector<int64_t>{1});
  EXPECT_EQ(pool.abandoned(), 1);
  gate->Notify();
}

TEST(StepPoolTest, AHungJobIsKeptUntilItsCallReturns) {
  auto gate = std::make_shared<absl::Notification>();
  auto freed = std::make_shared<absl::Notification>();
  auto tell_when_freed =
      std::shared_ptr<int>(new int(0), [freed](int* p) { delete p, freed->Notify(); });
  StepPool pool({1, absl::Milliseconds(20)});
  auto job = std::make_shared<TestJob>(
      [gate, keep = std::move(tell_when_freed)](int64_t) { gate->WaitForNotification(); });
  pool.Submit(job, 1);
  job->finished.WaitForNotification();
  job.reset();
  EXPECT_FALSE(freed->HasBeenNotified());
  gate->Notify();
  freed->WaitForNotification();
}

TEST(StepPoolTest, AShortJobDoesNotWaitForALongOne) {
  StepPool pool({1, absl::Seconds(60)});
  absl::Notification go;
  std::atomic<int64_t> long_items{0};
  // Each item takes a time slice, so the other job gets its turn after the first.
  auto long_job = std::make_shared<TestJob>([&](int64_t) {
    go.WaitForNotification();
    ++long_items;
    const absl::Time end = absl::Now() + absl::Milliseconds(1);
    while (absl::Now() < end) {
    }
  });
  int64_t long_items_before = -1;
  auto short_job = std::make_shared<TestJob>([&](int64_t) { long_items_before = long_items; });
  pool.Submit(long_job, 100);
  pool.Submit(short_job, 1);
  go.Notify();
  short_job->finished.WaitForNotification();
  long_job->finished.WaitForNotification();
  EXPECT_LT(long_items_before, 10);
}

}  // namespace
}  // namespace armature
