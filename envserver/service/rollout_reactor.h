// The gRPC side of one Rollout stream: passes received messages to its Session and writes what the
// Session sends. Deletes itself when the stream has ended.
#ifndef ARMATURE_ENVSERVER_SERVICE_ROLLOUT_REACTOR_H_
#define ARMATURE_ENVSERVER_SERVICE_ROLLOUT_REACTOR_H_

#include <memory>

#include "absl/status/status.h"
#include "envserver/service/session.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "proto/env_service.pb.h"

namespace armature {

class RolloutReactor : public grpc::ServerBidiReactor<v1::RolloutRequest, v1::RolloutResponse>,
                       private SessionSink {
 public:
  RolloutReactor(const SessionContext* session_context, grpc::CallbackServerContext* call);

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Write(const v1::RolloutResponse& response) override;
  void End(const absl::Status& status) override;
  void Abort() override;

  grpc::CallbackServerContext* const call_;
  const std::shared_ptr<Session> session_;
  v1::RolloutRequest request_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_ROLLOUT_REACTOR_H_
