// A folder of mode 0700 for unix sockets, closed to other users.
//
// Created under $XDG_RUNTIME_DIR or the temporary folder. Its path is short enough for socket names
// of up to kNameMax bytes. A killed process leaves the folder behind; this is harmless.
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

  // Returns Unavailable if no folder can be created; the message lists the places tried.
  static absl::StatusOr<std::unique_ptr<PrivateFolder>> Make();
  // Removes the folder and everything in it.
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
