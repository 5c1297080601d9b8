// Checks whether processes are alive: asks the gRPC health service if they have an RPC address,
// else /healthz. Any answer counts, even a refusal or "unhealthy".
#ifndef ARMATURE_DEPLOY_LAUNCHER_PROCESS_CHILD_HEALTH_H_
#define ARMATURE_DEPLOY_LAUNCHER_PROCESS_CHILD_HEALTH_H_

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/rpc/transport.h"
#include "deploy/launcher/process/event_loop.h"
#include "deploy/launcher/process/health_watch.h"

namespace armature {

// Thread safety: belongs to the thread of the EventLoop.
class ChildHealth : public HealthSource {
 public:
  // `loop` must outlive this.
  ChildHealth(EventLoop* loop, TransportOptions transport)
      : loop_(loop), transport_(std::move(transport)) {}
  // Drops open questions: on_answer is not called any more.
  ~ChildHealth() override;

  void Ask(const std::string& rpc_address, const std::string& metrics_address,
           absl::Duration timeout, OnAnswer on_answer) override;

 private:
  struct RpcCall;
  struct HttpCall {
    uint64_t number;
    OnAnswer on_answer;
  };

  void AskRpc(const std::string& address, absl::Duration timeout, OnAnswer on_answer);
  void AskHttp(const std::string& address, absl::Duration timeout, OnAnswer on_answer);
  void OnConnected(int fd);
  void OnHttpAnswer(int fd);
  void Close(int fd);

  EventLoop* const loop_;
  const TransportOptions transport_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;  // By address.
  std::map<int, HttpCall> http_calls_;                              // By socket.
  uint64_t http_calls_made_ = 0;

  absl::Mutex mutex_;
  std::map<RpcCall*, std::shared_ptr<RpcCall>> rpc_calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROCESS_CHILD_HEALTH_H_
