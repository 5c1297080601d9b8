// One child process. It has its own process group and is killed when its parent dies. Its output
// goes to a log file and is passed on line by line.
//
// Thread safety: belongs to the thread of the EventLoop. The thread that starts children must
// outlive them: the kernel kills them when it ends.
#ifndef ARMATURE_DEPLOY_LAUNCHER_PROCESS_CHILD_PROCESS_H_
#define ARMATURE_DEPLOY_LAUNCHER_PROCESS_CHILD_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "deploy/launcher/process/event_loop.h"

namespace armature {

class ChildProcess {
 public:
  // Receives a line of stdout or stderr, without the newline.
  using OnLine = std::function<void(const std::string& line)>;
  // Called after the last line. `wait_status` is waitpid's.
  using OnExit = std::function<void(int wait_status)>;

  ChildProcess(EventLoop* loop, OnLine on_line, OnExit on_exit);
  // Kills the child if it is running, and waits for it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Starts `arguments` ([0] is the program's path); appends output to `log_path`. Call it only
  // while no child is running.
  // Returns Unavailable if log file, pipe or process cannot be created.
  absl::Status Start(const std::vector<std::string>& arguments, const std::string& log_path);

  bool running() const { return pid_ > 0; }

  // Signals the child's whole process group.
  void Signal(int signal);

 private:
  void ReadOutput();
  void TakeLines();
  void Reap();
  void CloseOutput();

  EventLoop* const loop_;
  const OnLine on_line_;
  const OnExit on_exit_;
  pid_t pid_ = 0;
  int pid_fd_ = -1;
  int output_fd_ = -1;
  int log_fd_ = -1;
  std::string partial_line_;
};

// For example "exited with status 1" or "was killed by signal 9".
std::string DescribeExit(int wait_status);

// Whether a child's log line, in spdlog's format, should be shown to the user.
bool IsComplaint(const std::string& line);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROCESS_CHILD_PROCESS_H_
