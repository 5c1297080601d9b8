// Why a peer cannot be reached, in words that name the remedy.
#ifndef ARMATURE_COMMON_RPC_PEER_PROBE_H_
#define ARMATURE_COMMON_RPC_PEER_PROBE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/rpc/address.h"
#include "common/rpc/transport_options.h"

namespace armature {

enum class Spoken {
  kNothing,  // Nobody answers, or in no tongue known here.
  kTls,
  kHttp2,  // Plaintext, as gRPC without TLS.
};

// What is spoken at `address`: sends the beginning of a TLS handshake and looks at the first
// bytes that come back. Blocks, for at most `timeout` and what the resolver takes.
Spoken Probe(const Address& address, absl::Duration timeout);

// `status` of a call to `address`, which MakeChannel's channel with `options` has made, with
// what is known beyond gRPC's words where the peer was not reached (Unavailable): only one of
// the two speaks TLS (then FailedPrecondition: asking again is without hope), or an HTTP proxy
// stands between. Other statuses as they are. May block for a second, as Probe.
// Thread safety: free function.
absl::Status ExplainFailure(const std::string& address, const TransportOptions& options,
                            const absl::Status& status);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_PEER_PROBE_H_
