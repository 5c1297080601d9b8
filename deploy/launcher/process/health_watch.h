// Finds out that a process is frozen: it runs, yet does not answer.
//
// It is asked at intervals; what a process answers does not matter here, only that it
// does. Servers answer on threads of their own, so one that is busy for long with a
// checkpoint, an update or an evaluation is not taken for frozen.
// Thread safety: belongs to the thread of the EventLoop.
#ifndef ARMATURE_DEPLOY_LAUNCHER_PROCESS_HEALTH_WATCH_H_
#define ARMATURE_DEPLOY_LAUNCHER_PROCESS_HEALTH_WATCH_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "deploy/launcher/process/event_loop.h"

namespace armature {

// What asks a process; tests put their own in its place.
class HealthSource {
 public:
  using OnAnswer = std::function<void()>;

  virtual ~HealthSource() = default;
  // Asks the process with these addresses (empty: it has none), and never blocks.
  // `on_answer` is called once it has answered within `timeout`, on any thread, and at
  // once where there is nothing to ask; otherwise never.
  virtual void Ask(const std::string& rpc_address, const std::string& metrics_address,
                   absl::Duration timeout, OnAnswer on_answer) = 0;
};

class HealthWatch {
 public:
  // Questions that a process may leave open within the timeout. More than one, so that a
  // launcher that was itself stopped for a while hears the answers before it judges.
  static constexpr int kAsks = 3;

  // Frozen is who leaves questions open for `timeout`; zero: nobody is asked. Both
  // pointers must outlive it, and the loop what `source` still calls. `on_frozen` is
  // called at most once a Start.
  HealthWatch(EventLoop* loop, HealthSource* source, absl::Duration timeout,
              std::function<void()> on_frozen);

  // From now on, in place of what was watched before.
  void Start(const std::string& rpc_address, const std::string& metrics_address);
  void Stop() { ++round_; }

 private:
  void Ask(uint64_t round);

  EventLoop* const loop_;
  HealthSource* const source_;
  const absl::Duration timeout_;
  const std::function<void()> on_frozen_;
  std::string rpc_address_;
  std::string metrics_address_;
  uint64_t round_ = 0;  // Of Start and Stop: what belongs to an earlier one is void.
  int open_ = 0;        // Questions since the last answer.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROCESS_HEALTH_WATCH_H_
