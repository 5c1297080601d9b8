// The gRPC side of one Watch call. Deletes itself when the stream has ended.
#ifndef ARMATURE_ENVSERVER_SERVICE_WATCH_REACTOR_H_
#define ARMATURE_ENVSERVER_SERVICE_WATCH_REACTOR_H_

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "envserver/service/viewer.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "proto/env_service.pb.h"

namespace armature {

class WatchReactor : public grpc::ServerWriteReactor<v1::WatchResponse>, private ViewerSink {
 public:
  WatchReactor(const SessionContext* context, std::atomic<int>* viewers,
               grpc::CallbackServerContext* call, const v1::WatchRequest& request);

 private:
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Accept() override;
  void Write(const v1::WatchResponse& response) override;
  void End(const absl::Status& status) override;
  void Abort() override;

  grpc::CallbackServerContext* const call_;
  const std::shared_ptr<Viewer> viewer_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_WATCH_REACTOR_H_
