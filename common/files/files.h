// Files that a process finds at its start and leaves for others.
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_FILES_FILES_H_
#define ARMATURE_COMMON_FILES_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// Readers see the old file or the whole new one.
// OK; Unavailable: cannot be written (the message says why).
absl::Status WriteFileAtomically(const std::string& path, absl::string_view text);

// OK; NotFound: cannot be read.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// What --port_file holds once the process is ready: a line with the RPC address
// and one with that of /metrics; "-" where there is none.
struct PortFile {
  std::string rpc_address;
  std::string metrics_address;
};
absl::Status WritePortFile(const std::string& path, const PortFile& ports);
absl::StatusOr<PortFile> ReadPortFile(const std::string& path);

// Makes the folder in which the user typed `bazel run` the working folder; does
// nothing outside `bazel run`.
void EnterUsersFolder();

// The folder of the running program, symbolic links resolved.
std::string ProgramFolder();

// A folder or file of data that belongs to the program, wherever it was
// installed: $`variable` if set, else `runfiles_path` ("armature/deploy/configs")
// in Bazel's runfiles, else `bundle_path` beside the folder of the program (a
// bundle has bin/ and its data side by side).
// OK; NotFound: names all places that were tried.
absl::StatusOr<std::string> FindProgramData(absl::string_view runfiles_path,
                                            absl::string_view bundle_path, const char* variable);

}  // namespace armature

#endif  // ARMATURE_COMMON_FILES_FILES_H_
