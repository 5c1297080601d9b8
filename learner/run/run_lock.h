// Keeps the folder of a run to one process that writes it, and to one launcher.
//
// An open file description lock (fcntl(2)) on a file in the folder, which the kernel gives
// up when the process ends, however it ends. On NFS the server keeps it, so that it holds
// between hosts; where a file system has no locks at all, a logged line says that nothing
// keeps two processes apart, and the run goes on.
// Thread safety: compatible.
#ifndef ARMATURE_LEARNER_RUN_RUN_LOCK_H_
#define ARMATURE_LEARNER_RUN_RUN_LOCK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace armature {

class RunLock {
 public:
  // Files in the folder: of the process that writes the run, and of its launcher.
  static constexpr char kLearner[] = "learner.lock";
  static constexpr char kLauncher[] = "launcher.lock";

  // Held until the object is gone. `run_dir` exists.
  // OK, also where the one before was killed and comes to its end within 2 s;
  // FailedPrecondition: another process has it (says which one, on which host); errors as
  // the system says, naming the file.
  static absl::StatusOr<RunLock> Take(const std::string& run_dir, const std::string& file);
  // OK: nobody holds it; FailedPrecondition as Take's.
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
