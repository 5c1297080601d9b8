// The program that logs a run to Weights & Biases, as a child of the launcher.
//
// It follows the run's folder and is in nobody's way: when it fails or is missing,
// that is a line on the terminal and training goes on.
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

  // `program`: a path, then flags; empty: there is none, and Start does nothing.
  // `on_end` is called whenever the child has ended. Both pointers must outlive it.
  RunUploader(std::vector<std::string> program, EventLoop* loop, Terminal* terminal,
              std::function<void()> on_end);

  // Follows the run in `run_dir`, which has its config.yaml.
  void Start(const std::string& run_dir);

  // Has it log what is there and end, within kFinishWithin. Once; later calls do nothing.
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
