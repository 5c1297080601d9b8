// Makes sure that only one process writes a run's folder, and only one launcher runs it.
//
// Uses an open file description lock (fcntl(2)) on a file in the folder; the kernel releases it
// when the process ends in any way. On NFS the server keeps the lock, so it works between hosts. If
// a file system has no locks, a logged warning says that nothing keeps two processes apart, and the
// run continues.
// Thread safety: compatible.
#ifndef ARMATURE_LEARNER_RUN_RUN_LOCK_H_
#define ARMATURE_LEARNER_RUN_RUN_LOCK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace armature {

class RunLock {
 public:
  // Files in the folder: for the process that writes the run, and for its launcher.
  static constexpr char kLearner[] = "learner.lock";
  static constexpr char kLauncher[] = "launcher.lock";

  // Takes the lock and holds it until the object is destroyed. `run_dir` must exist. If the holder
  // was just killed, waits up to 2 s for its end. Returns FailedPrecondition if another process has
  // it (with its id and host); system errors with the file.
  static absl::StatusOr<RunLock> Take(const std::string& run_dir, const std::string& file);
  // Returns OK if nobody holds the lock; otherwise FailedPrecondition as Take does.
  static absl::Status CheckFree(const std::string& run_dir, const std::string& file);

  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

 private:
  explicit RunLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_LOCK_H_
