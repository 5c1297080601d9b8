// Addresses as users write them, and the one parser of them.
#ifndef ARMATURE_COMMON_RPC_ADDRESS_H_
#define ARMATURE_COMMON_RPC_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// "host:port", "[::1]:port" or "unix:/path".
struct Address {
  // The longest path that the kernel takes, in bytes.
  static constexpr size_t kSocketPathMax = 107;

  std::string host;         // Without the brackets of an IPv6 address.
  int port = 0;             // 1 to 65535; 0 only where one listens: any free one.
  std::string socket_path;  // Of a unix socket, absolute; host and port are then unset.

  bool is_unix() const { return !socket_path.empty(); }
  // Whether it can be reached from this machine only. A host name other than localhost
  // cannot be judged: no.
  bool is_loopback() const;
  // As users write it.
  std::string ToString() const;
};

// Of a peer to connect to.
// OK; InvalidArgument: says what is wrong with it.
absl::StatusOr<Address> ParseAddress(absl::string_view text);

// Of this process, to listen on: port 0 is any free one.
// OK; InvalidArgument: says what is wrong with it.
absl::StatusOr<Address> ParseListenAddress(absl::string_view text);

// Whether `text` is an address and is_loopback().
bool IsLoopback(absl::string_view text);

// Whether `text` listens on every address of this machine, as 0.0.0.0:1 and [::]:1 do.
bool IsEverywhere(absl::string_view text);

// `listen_address` with the port that was bound in place of its own.
std::string BoundAddress(const std::string& listen_address, int bound_port);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_ADDRESS_H_
