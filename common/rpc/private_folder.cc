#include "common/rpc/private_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/rpc/address.h"

namespace armature {

absl::StatusOr<std::unique_ptr<PrivateFolder>> PrivateFolder::Make() {
  std::vector<std::string> parents;
  for (const char* variable : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    if (const char* folder = std::getenv(variable)) parents.emplace_back(folder);
  }
  parents.emplace_back("/tmp");
  std::vector<std::string> tried;
  for (const std::string& parent : parents) {
    std::string path = absl::StrCat(parent, "/armature-XXXXXX");
    const std::string longest = absl::StrCat("unix:", path, "/", std::string(kNameMax, 'x'));
    if (absl::Status status = ParseAddress(longest).status(); !status.ok()) {
      tried.push_back(absl::StrCat(parent, " (no place for a socket)"));
    } else if (mkdtemp(path.data()) != nullptr) {
      return absl::WrapUnique(new PrivateFolder(std::move(path)));
    } else {
      tried.push_back(absl::StrCat(parent, " (", std::strerror(errno), ")"));
    }
  }
  return absl::UnavailableError(
      absl::StrCat("cannot make a folder for the sockets of processes: tried ",
                   absl::StrJoin(tried, ", "), "; set TMPDIR to one that can be written to"));
}

PrivateFolder::PrivateFolder(std::string path) : path_(std::move(path)) {}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string PrivateFolder::SocketAddress(absl::string_view name) const {
  return absl::StrCat("unix:", path_, "/", name);
}

}  // namespace armature
