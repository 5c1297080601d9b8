// What gRPC has to say by itself, such as failed handshakes: our own sentences tell what a
// user needs of it.
//
// Thread safety: free function, from any thread.
#ifndef ARMATURE_COMMON_RPC_GRPC_LOG_H_
#define ARMATURE_COMMON_RPC_GRPC_LOG_H_

namespace armature {

// From now on gRPC's lines are in our log, at level debug. Where the environment has
// GRPC_VERBOSITY, someone wants them as they are, and nothing happens.
void TakeGrpcLog();

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_GRPC_LOG_H_
