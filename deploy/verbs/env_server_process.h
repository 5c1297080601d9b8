// One env server as a child process, for as long as a verb plays.
//
// Thread safety: belongs to the thread of the EventLoop.
#ifndef ARMATURE_DEPLOY_VERBS_ENV_SERVER_PROCESS_H_
#define ARMATURE_DEPLOY_VERBS_ENV_SERVER_PROCESS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "deploy/launcher/process/child_process.h"
#include "deploy/launcher/process/event_loop.h"

namespace armature {

class EnvServerProcess {
 public:
  // From SIGTERM to SIGKILL.
  static constexpr absl::Duration kStopWithin = absl::Seconds(5);

  struct Callbacks {
    // Its address. Unavailable: it ended, or was not ready in time.
    std::function<void(absl::StatusOr<std::string> address)> on_ready;
    // A line of its log that is for the user's eyes.
    std::function<void(const std::string& line)> on_complaint;
    // It ended; why, where nobody stopped it. After on_ready.
    std::function<void(const absl::Status& status)> on_end;
  };
  // `loop` must outlive it.
  EnvServerProcess(EventLoop* loop, Callbacks callbacks);
  // Kills what still runs and removes what it has written.
  ~EnvServerProcess();
  EnvServerProcess(const EnvServerProcess&) = delete;
  EnvServerProcess& operator=(const EnvServerProcess&) = delete;

  // `arguments`: the program's path, then its flags but for --port_file.
  // OK; Unavailable: a folder for its files or the process cannot be made.
  absl::Status Start(std::vector<std::string> arguments, absl::Duration ready_timeout);
  // on_end follows, at once where none runs.
  void Stop();

 private:
  void OnFiles();
  void OnExit(int wait_status);

  EventLoop* const loop_;
  const Callbacks callbacks_;
  ChildProcess process_;
  std::string folder_;
  int inotify_fd_ = -1;
  bool told_ready_ = false;
  bool stopping_ = false;
  std::string last_words_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_ENV_SERVER_PROCESS_H_
