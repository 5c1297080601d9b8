// One child process: started in its own process group, killed with its parent,
// its output kept in a log file and passed on line by line.
//
// Thread safety: belongs to the thread of the EventLoop. The thread that starts
// children must live as long as they: the kernel kills them when it ends.
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
  // A line of stdout or stderr, without its end.
  using OnLine = std::function<void(const std::string& line)>;
  // After the last line. `wait_status` as waitpid gives it.
  using OnExit = std::function<void(int wait_status)>;

  ChildProcess(EventLoop* loop, OnLine on_line, OnExit on_exit);
  // Kills the child, if it runs, and waits for it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Starts `arguments` ([0] is the program's path); output is appended to
  // `log_path`. Only while none runs.
  // OK; Unavailable: log file, pipe or process cannot be made.
  absl::Status Start(const std::vector<std::string>& arguments, const std::string& log_path);

  bool running() const { return pid_ > 0; }

  // To the child's whole process group.
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

// "exited with status 1", "was killed by signal 9".
std::string DescribeExit(int wait_status);

// Whether a line of a child, in spdlog's format, is for the user's eyes.
bool IsComplaint(const std::string& line);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROCESS_CHILD_PROCESS_H_
