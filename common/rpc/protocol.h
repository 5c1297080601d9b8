// What two peers must agree on before anything else; see proto/handshake.proto.
#ifndef ARMATURE_COMMON_RPC_PROTOCOL_H_
#define ARMATURE_COMMON_RPC_PROTOCOL_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/handshake.pb.h"

namespace armature {

// Raised by every change of proto/ that an older peer would misread.
inline constexpr uint32_t kProtocolVersion = 1;

// A number that no peer can guess and that is never given twice; never 0.
uint64_t UnguessableId();

// A number that tells this start of a process from every other one.
inline uint64_t NewIncarnation() { return UnguessableId(); }

v1::Handshake MakeHandshake(absl::string_view peer_name, uint64_t incarnation,
                            absl::string_view run_id);

// OK; FailedPrecondition: another protocol version, or a run id that is neither
// empty nor `run_id` (an empty `run_id` accepts any); InvalidArgument: a name or
// incarnation that breaks the rules of proto/handshake.proto.
absl::Status CheckHandshake(const v1::Handshake& handshake, absl::string_view run_id);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_PROTOCOL_H_
