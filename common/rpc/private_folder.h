// A folder of mode 0700 for unix sockets: no other user reaches what is in it.
//
// Made under $XDG_RUNTIME_DIR, or the folder of temporary files, with so short a path that
// names of up to kNameMax bytes fit into the address of a socket. A process that is killed
// leaves it behind; that does no harm.
// Thread safety: none.
#ifndef ARMATURE_COMMON_RPC_PRIVATE_FOLDER_H_
#define ARMATURE_COMMON_RPC_PRIVATE_FOLDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

class PrivateFolder {
 public:
  static constexpr size_t kNameMax = 32;

  // OK; Unavailable: none can be made; the message names the places that were tried.
  static absl::StatusOr<std::unique_ptr<PrivateFolder>> Make();
  // Removes it with all that is in it.
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  const std::string& path() const { return path_; }
  // "unix:PATH/NAME".
  std::string SocketAddress(absl::string_view name) const;

 private:
  explicit PrivateFolder(std::string path);

  const std::string path_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_PRIVATE_FOLDER_H_
