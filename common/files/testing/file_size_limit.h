// While this object exists, this process cannot write more than `bytes` into a file; such writes
// fail as if the disk were full.
//
// Thread safety: none; the limit applies to the whole process.
#ifndef ARMATURE_COMMON_FILES_TESTING_FILE_SIZE_LIMIT_H_
#define ARMATURE_COMMON_FILES_TESTING_FILE_SIZE_LIMIT_H_

#include <signal.h>
#include <sys/resource.h>

namespace armature {

class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler_ = signal(SIGXFSZ, SIG_IGN);  // So that write() fails with EFBIG.
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_;
  sighandler_t handler_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_FILES_TESTING_FILE_SIZE_LIMIT_H_
