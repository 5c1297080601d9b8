#include "deploy/launcher/run_follower.h"

#include <signal.h>
#include <sys/wait.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace armature {

RunFollower::RunFollower(Options options, EventLoop* loop, Terminal* terminal,
                         std::function<void()> on_end)
    : options_(std::move(options)),
      loop_(loop),
      terminal_(terminal),
      process_(
          loop,
          [this](const std::string& line) {
            if (absl::StartsWith(line, options_.prefix)) {
              terminal_->Line(absl::StrCat("armature: ", line));
            }
          },
          [this, on_end = std::move(on_end)](int wait_status) {
            if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0) {
              terminal_->Warning(absl::StrCat(
                  "armature: ", options_.name, " ", DescribeExit(wait_status),
                  finishing_ ? absl::StrCat(" before it had finished; ", options_.afterwards)
                             : absl::StrCat("; the run goes on without ", options_.without)));
            }
            on_end();
          }) {}

void RunFollower::Start(const std::string& run_dir) {
  if (options_.program.empty()) return;
  std::vector<std::string> arguments = options_.program;
  arguments.push_back(run_dir);
  const absl::Status status =
      process_.Start(arguments, absl::StrCat(run_dir, "/logs/", options_.name, ".log"));
  if (!status.ok()) terminal_->Warning(absl::StrCat("armature: ", status.message()));
}

void RunFollower::Finish() {
  if (finishing_ || !running()) return;
  finishing_ = true;
  process_.Signal(SIGTERM);
  loop_->After(kFinishWithin, [this] { Kill(); });
}

void RunFollower::Kill() { process_.Signal(SIGKILL); }

}  // namespace armature
