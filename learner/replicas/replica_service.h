// Implements ReplicaService (see proto/replica_service.proto) with gRPC's callback API.
//
// Thread safety: all methods. Owns nothing.
#ifndef ARMATURE_LEARNER_REPLICAS_REPLICA_SERVICE_H_
#define ARMATURE_LEARNER_REPLICAS_REPLICA_SERVICE_H_

#include "grpcpp/support/server_callback.h"
#include "learner/replicas/replica_host.h"
#include "proto/replica_service.grpc.pb.h"

namespace armature {

class ReplicaServiceImpl : public v1::ReplicaService::CallbackService {
 public:
  explicit ReplicaServiceImpl(ReplicaHost* host) : host_(host) {}

  grpc::ServerWriteReactor<v1::ReplicaEvent>* Join(grpc::CallbackServerContext* context,
                                                   const v1::JoinReplicasRequest* request) override;
  grpc::ServerUnaryReactor* Average(grpc::CallbackServerContext* context,
                                    const v1::AverageRequest* request,
                                    v1::AverageResponse* response) override;

 private:
  ReplicaHost* const host_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICA_SERVICE_H_
