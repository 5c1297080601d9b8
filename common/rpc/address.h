// Network addresses as users write them, and their only parser.
#ifndef ARMATURE_COMMON_RPC_ADDRESS_H_
#define ARMATURE_COMMON_RPC_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// "host:port", "[::1]:port" or "unix:/path".
struct Address {
  // Longest path that the kernel accepts, in bytes.
  static constexpr size_t kSocketPathMax = 107;

  std::string host;         // Without the brackets of an IPv6 address.
  int port = 0;             // 1 to 65535; 0 (any free port) only for listening.
  std::string socket_path;  // Absolute path of a unix socket; host and port are then unset.

  bool is_unix() const { return !socket_path.empty(); }
  // Whether only this machine can reach the address. False for host names other than localhost,
  // since they cannot be judged.
  bool is_loopback() const;
  // Returns the form that users write.
  std::string ToString() const;
};

// Parses the address of a peer to connect to.
// Returns InvalidArgument if `text` is not one; the message says why.
absl::StatusOr<Address> ParseAddress(absl::string_view text);

// Parses an address to listen on; port 0 means any free port.
// Returns InvalidArgument if `text` is not one; the message says why.
absl::StatusOr<Address> ParseListenAddress(absl::string_view text);

// Returns whether `text` is a valid address with is_loopback().
bool IsLoopback(absl::string_view text);

// Returns whether `text` listens on every address of this machine, e.g. 0.0.0.0:1 or [::]:1.
bool IsEverywhere(absl::string_view text);

// Returns `listen_address` with its port replaced by `bound_port`.
std::string BoundAddress(const std::string& listen_address, int bound_port);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_ADDRESS_H_
