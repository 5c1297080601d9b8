// What two peers must agree on first; see proto/handshake.proto.
#ifndef ARMATURE_COMMON_RPC_PROTOCOL_H_
#define ARMATURE_COMMON_RPC_PROTOCOL_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/handshake.pb.h"

namespace armature {

// Increase it with every change of proto/ that an older peer would misread.
inline constexpr uint32_t kProtocolVersion = 2;

// Returns a random number that no peer can guess and that does not repeat; never 0.
uint64_t UnguessableId();

// Returns a number that identifies one start of a process.
inline uint64_t NewIncarnation() { return UnguessableId(); }

v1::Handshake MakeHandshake(absl::string_view peer_name, uint64_t incarnation,
                            absl::string_view run_id);

// Returns FailedPrecondition unless `version` is this one's; the message begins with `name`.
absl::Status CheckProtocolVersion(uint32_t version, absl::string_view name);

// Returns FailedPrecondition if the protocol version differs, or if the handshake has a run id
// other than `run_id` (either may be empty to match any); InvalidArgument if a name or incarnation
// breaks the rules of proto/handshake.proto.
absl::Status CheckHandshake(const v1::Handshake& handshake, absl::string_view run_id);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_PROTOCOL_H_
