// Detects a frozen process: it runs, but does not answer.
//
// Asks the process at intervals. Only whether it answers matters, not what. Servers answer on
// separate threads, so a process that is busy with a long checkpoint, update or evaluation does not
// look frozen.
// Thread safety: belongs to the thread of the EventLoop.
#ifndef ARMATURE_DEPLOY_LAUNCHER_PROCESS_HEALTH_WATCH_H_
#define ARMATURE_DEPLOY_LAUNCHER_PROCESS_HEALTH_WATCH_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "deploy/launcher/process/event_loop.h"

namespace armature {

// Asks a process for a sign of life; tests replace it.
class HealthSource {
 public:
  using OnAnswer = std::function<void()>;

  virtual ~HealthSource() = default;
  // Asks the process with these addresses (empty: it has none); never blocks. If the process
  // answers within `timeout`, calls `on_answer` once, on any thread; at once if both are empty.
  // Otherwise never calls it.
  virtual void Ask(const std::string& rpc_address, const std::string& metrics_address,
                   absl::Duration timeout, OnAnswer on_answer) = 0;
};

class HealthWatch {
 public:
  // Number of questions that must stay unanswered within the timeout. More than one, so that a
  // launcher that was itself paused hears the answers before it judges.
  static constexpr int kAsks = 3;

  // A process is frozen if questions stay unanswered for `timeout`; zero turns the watch off. Both
  // pointers must outlive this, and the loop must outlive calls by `source`. `on_frozen` is called
  // at most once per Start.
  HealthWatch(EventLoop* loop, HealthSource* source, absl::Duration timeout,
              std::function<void()> on_frozen);

  // Starts watching this process, instead of any earlier one.
  void Start(const std::string& rpc_address, const std::string& metrics_address);
  void Stop() { ++watch_; }

 private:
  void Ask(uint64_t watch);

  EventLoop* const loop_;
  HealthSource* const source_;
  const absl::Duration timeout_;
  const std::function<void()> on_frozen_;
  std::string rpc_address_;
  std::string metrics_address_;
  uint64_t watch_ = 0;  // Counts Start and Stop; events of earlier watches are ignored.
  int open_ = 0;        // Questions since the last answer.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROCESS_HEALTH_WATCH_H_
