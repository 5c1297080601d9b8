#include "deploy/launcher/run_uploader.h"

#include <signal.h>
#include <sys/wait.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace armature {

RunUploader::RunUploader(std::vector<std::string> program, EventLoop* loop, Terminal* terminal,
                         std::function<void()> on_end)
    : program_(std::move(program)),
      loop_(loop),
      terminal_(terminal),
      process_(
          loop,
          [this](const std::string& line) {
            if (absl::StartsWith(line, "wandb: "))
              terminal_->Line(absl::StrCat("armature: ", line));
          },
          [this, on_end = std::move(on_end)](int wait_status) {
            if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0) {
              terminal_->Warning(absl::StrCat("armature: the uploader ", DescribeExit(wait_status),
                                              "; the run goes on without Weights & Biases"));
            }
            on_end();
          }) {}

void RunUploader::Start(const std::string& run_dir) {
  if (program_.empty()) return;
  std::vector<std::string> arguments = program_;
  arguments.push_back(run_dir);
  const absl::Status status =
      process_.Start(arguments, absl::StrCat(run_dir, "/logs/wandb_uploader.log"));
  if (!status.ok()) terminal_->Warning(absl::StrCat("armature: ", status.message()));
}

void RunUploader::Finish() {
  if (finishing_ || !running()) return;
  finishing_ = true;
  process_.Signal(SIGTERM);
  loop_->After(kFinishWithin, [this] { Kill(); });
}

void RunUploader::Kill() { process_.Signal(SIGKILL); }

}  // namespace armature
