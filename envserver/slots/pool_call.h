// Runs one call into an environment on the pool and passes on its result.
#ifndef ARMATURE_ENVSERVER_SLOTS_POOL_CALL_H_
#define ARMATURE_ENVSERVER_SLOTS_POOL_CALL_H_

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "envserver/slots/step_pool.h"

namespace armature {

// Runs `call` on the pool, then passes its result to `then`, also on a pool thread. `call` must own
// everything that it touches. `then` gets Internal if `call` threw, or DeadlineExceeded if it hung;
// a late result is dropped. `what` begins the error message.
template <typename T>
void CallOnPool(StepPool* pool, std::string what, std::function<absl::StatusOr<T>()> call,
                std::function<void(absl::StatusOr<T>)> then) {
  class Job : public PoolJob {
   public:
    Job(std::string what, absl::Duration timeout, std::function<absl::StatusOr<T>()> call,
        std::function<void(absl::StatusOr<T>)> then)
        : what_(std::move(what)),
          timeout_(timeout),
          call_(std::move(call)),
          then_(std::move(then)) {}

    void RunItem(int64_t) override {
      try {
        result_ = call_();
      } catch (const std::exception& e) {
        result_ = absl::InternalError(absl::StrCat(what_, " threw: ", e.what()));
      } catch (...) {
        result_ = absl::InternalError(absl::StrCat(what_, " threw"));
      }
    }
    void OnHung(int64_t) override { hung_ = true; }
    void OnFinished() override {
      // Moved out so that a stuck call, which keeps this job alive, does not keep the receiver
      // alive.
      const std::function<void(absl::StatusOr<T>)> then = std::move(then_);
      if (hung_) {
        then(absl::DeadlineExceededError(
            absl::StrCat(what_, " has not returned for ", absl::FormatDuration(timeout_))));
      } else {
        then(std::move(result_));
      }
    }

   private:
    const std::string what_;
    const absl::Duration timeout_;
    const std::function<absl::StatusOr<T>()> call_;
    std::function<void(absl::StatusOr<T>)> then_;
    bool hung_ = false;
    absl::StatusOr<T> result_;  // OnFinished touches it only if RunItem has returned.
  };
  pool->Submit(std::make_shared<Job>(std::move(what), pool->call_timeout(), std::move(call),
                                     std::move(then)),
               1);
}

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SLOTS_POOL_CALL_H_
