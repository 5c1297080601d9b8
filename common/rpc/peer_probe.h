// Finds out why a peer cannot be reached, and names the remedy.
#ifndef ARMATURE_COMMON_RPC_PEER_PROBE_H_
#define ARMATURE_COMMON_RPC_PEER_PROBE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/rpc/address.h"
#include "common/rpc/transport_options.h"

namespace armature {

enum class Spoken {
  kNothing,  // No answer, or an unknown protocol.
  kTls,
  kHttp2,  // Plaintext, e.g. gRPC without TLS.
};

// Returns which protocol `address` speaks: sends the start of a TLS handshake and looks at the
// first bytes that come back. Blocks for at most `timeout` plus name resolution.
Spoken Probe(const Address& address, absl::Duration timeout);

// Explains the failed `status` of a call to `address` on a channel from MakeChannel with `options`.
// If the peer was not reached (Unavailable), adds what it finds: only one side speaks TLS (becomes
// FailedPrecondition, since retrying cannot help), or an HTTP proxy is in between. Returns other
// statuses unchanged. May block for a second in Probe.
// Thread safety: free function.
absl::Status ExplainFailure(const std::string& address, const TransportOptions& options,
                            const absl::Status& status);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_PEER_PROBE_H_
