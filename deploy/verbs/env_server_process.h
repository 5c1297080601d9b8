// Runs one env server as a child process while a verb plays.
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
  // Time from SIGTERM to SIGKILL.
  static constexpr absl::Duration kStopWithin = absl::Seconds(5);

  struct Callbacks {
    // Gets the server's address, or Unavailable if it ended or was not ready in time.
    std::function<void(absl::StatusOr<std::string> address)> on_ready;
    // Gets log lines that should be shown to the user.
    std::function<void(const std::string& line)> on_complaint;
    // The server has ended; the status says why, unless it was stopped. Called after on_ready.
    std::function<void(const absl::Status& status)> on_end;
  };
  // `loop` must outlive this.
  EnvServerProcess(EventLoop* loop, Callbacks callbacks);
  // Kills a server that is still running, and removes its files.
  ~EnvServerProcess();
  EnvServerProcess(const EnvServerProcess&) = delete;
  EnvServerProcess& operator=(const EnvServerProcess&) = delete;

  // `arguments`: the program's path, then its flags without --port_file.
  // Returns Unavailable if the folder for its files or the process cannot be created.
  absl::Status Start(std::vector<std::string> arguments, absl::Duration ready_timeout);
  // on_end follows, at once if no server is running.
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
