// Runs a program that follows a run's folder, as a child of the launcher: the one that logs it to
// Weights & Biases, the one that makes videos.
//
// It never stops training: if it fails or is missing, a line on the terminal says so.
// Thread safety: belongs to the thread of the EventLoop.
#ifndef ARMATURE_DEPLOY_LAUNCHER_RUN_FOLLOWER_H_
#define ARMATURE_DEPLOY_LAUNCHER_RUN_FOLLOWER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "deploy/launcher/process/child_process.h"
#include "deploy/launcher/process/event_loop.h"
#include "deploy/launcher/report/terminal.h"

namespace armature {

class RunFollower {
 public:
  // How long it may take for what is left, once the run is over.
  static constexpr absl::Duration kFinishWithin = absl::Seconds(30);

  struct Options {
    // A path, then flags; the run's folder is appended. If empty, Start does nothing.
    std::vector<std::string> program;
    std::string name;     // Of its log file, without the ending.
    std::string prefix;   // Lines that begin with it are shown.
    std::string without;  // What the run lacks if it fails, e.g. "Weights & Biases".
    // What does the rest if it could not finish, e.g. "`record --follow RUN` makes those missing".
    std::string afterwards;
  };
  // `on_end` is called when the child has ended. Both pointers must outlive this.
  RunFollower(Options options, EventLoop* loop, Terminal* terminal, std::function<void()> on_end);

  // Follows the run in `run_dir`, which must have its config.yaml.
  void Start(const std::string& run_dir);

  // Makes the program do what is left and exit within kFinishWithin. Later calls do nothing.
  void Finish();
  void Kill();
  bool running() const { return process_.running(); }

 private:
  const Options options_;
  EventLoop* const loop_;
  Terminal* const terminal_;
  bool finishing_ = false;
  ChildProcess process_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_RUN_FOLLOWER_H_
