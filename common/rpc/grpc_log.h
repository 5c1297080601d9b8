// Sends gRPC's own log lines, e.g. on failed handshakes, to our log. Our own messages tell users
// what they need to know.
//
// Thread safety: free function, from any thread.
#ifndef ARMATURE_COMMON_RPC_GRPC_LOG_H_
#define ARMATURE_COMMON_RPC_GRPC_LOG_H_

namespace armature {

// Redirects gRPC's lines to our log at level debug. Does nothing if GRPC_VERBOSITY is set, since
// the user then wants the original lines.
void TakeGrpcLog();

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_GRPC_LOG_H_
