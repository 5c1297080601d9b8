// Runs the program that logs a run to Weights & Biases, as a child of the launcher.
//
// The program follows the run's folder. It never stops training: if it fails or is missing, a line
// on the terminal says so.
// Thread safety: belongs to the thread of the EventLoop.
#ifndef ARMATURE_DEPLOY_LAUNCHER_RUN_UPLOADER_H_
#define ARMATURE_DEPLOY_LAUNCHER_RUN_UPLOADER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "deploy/launcher/process/child_process.h"
#include "deploy/launcher/process/event_loop.h"
#include "deploy/launcher/report/terminal.h"

namespace armature {

class RunUploader {
 public:
  static constexpr absl::Duration kFinishWithin = absl::Seconds(30);

  // `program`: a path, then flags; if empty, Start does nothing. `on_end` is called when the child
  // has ended. Both pointers must outlive this.
  RunUploader(std::vector<std::string> program, EventLoop* loop, Terminal* terminal,
              std::function<void()> on_end);

  // Follows the run in `run_dir`, which must have its config.yaml.
  void Start(const std::string& run_dir);

  // Makes the program log what is left and exit within kFinishWithin. Later calls do nothing.
  void Finish();
  void Kill();
  bool running() const { return process_.running(); }

 private:
  const std::vector<std::string> program_;
  EventLoop* const loop_;
  Terminal* const terminal_;
  bool finishing_ = false;
  ChildProcess process_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_RUN_UPLOADER_H_
