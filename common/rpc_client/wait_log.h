// Logs what a process is waiting for: first after kFirst, then at doubling intervals.
//
// Thread safety: none.
#ifndef ARMATURE_COMMON_RPC_CLIENT_WAIT_LOG_H_
#define ARMATURE_COMMON_RPC_CLIENT_WAIT_LOG_H_

#include <string>

#include "absl/time/time.h"
#include "spdlog/spdlog.h"

namespace armature {

class WaitLog {
 public:
  static constexpr absl::Duration kFirst = absl::Seconds(5);

  // Starts a new wait.
  explicit WaitLog(absl::Time now) { Begin(now); }
  void Begin(absl::Time now) {
    begin_ = now;
    pause_ = kFirst;
    next_ = now + pause_;
  }

  // When the next line is due.
  absl::Time next() const { return next_; }
  // Logs `waiting`, a sentence that says what is awaited, if a line is due; then doubles the
  // interval.
  void Tell(const std::string& waiting, absl::Time now) {
    if (now < next_) return;
    spdlog::info("{} (for {} s so far)", waiting, absl::ToInt64Seconds(now - begin_));
    pause_ *= 2;
    next_ = now + pause_;
  }

 private:
  absl::Time begin_;
  absl::Duration pause_;
  absl::Time next_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_CLIENT_WAIT_LOG_H_
