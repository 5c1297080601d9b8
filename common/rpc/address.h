// "host:port" as users write it.
#ifndef ARMATURE_COMMON_RPC_ADDRESS_H_
#define ARMATURE_COMMON_RPC_ADDRESS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace armature {

// Whether `address` ("host:port", "[::1]:port", "unix:path") can be reached
// from this machine only. A host name other than localhost cannot be judged: no.
bool IsLoopback(absl::string_view address);

// Whether it is "host:port" with a port of 1 to 65535.
bool IsHostPort(absl::string_view address);

// `listen_address` with the port that was bound in place of its own.
std::string BoundAddress(const std::string& listen_address, int bound_port);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_ADDRESS_H_
