// Files and folders that a process finds at its start, and files it writes for other processes.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_FILES_FILES_H_
#define ARMATURE_COMMON_FILES_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// Contents of --port_file, written once the process is ready: one line with the RPC address and one
// with the /metrics address; "-" for none.
struct PortFile {
  std::string rpc_address;
  std::string metrics_address;
};
absl::Status WritePortFile(const std::string& path, const PortFile& ports);
absl::StatusOr<PortFile> ReadPortFile(const std::string& path);

// Under `bazel run`, changes the working folder to the one where the user typed the command;
// otherwise does nothing.
void EnterUsersFolder();

// Returns the folder of the running program, with symbolic links resolved.
std::string ProgramFolder();

// Finds a data folder or file of the program, wherever it is installed: $`variable` if set, else
// `runfiles_path` (e.g. "armature/deploy/configs") in Bazel's runfiles, else `bundle_path` next to
// the program's folder (a bundle has bin/ and its data side by side). Returns NotFound if none
// exists; the message lists all places tried.
absl::StatusOr<std::string> FindProgramData(absl::string_view runfiles_path,
                                            absl::string_view bundle_path, const char* variable);

}  // namespace armature

#endif  // ARMATURE_COMMON_FILES_FILES_H_
