#include "learner/replicas/replica_service.h"

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/transport.h"

namespace armature {
namespace {

// One Join call. Owned by gRPC and shared with the host, until OnDone. No callback blocks.
class JoinReactor : public grpc::ServerWriteReactor<v1::ReplicaEvent>, public ReplicaPeer {
 public:
  static JoinReactor* Start(ReplicaHost* host, const v1::JoinReplicasRequest& request) {
    auto* reactor = new JoinReactor(host);
    reactor->self_.reset(reactor);
    if (const absl::Status status = host->Ask(reactor->self_, request); !status.ok()) {
      reactor->End(status);
    }
    return reactor;
  }

  void Send(v1::ReplicaEvent event) override {
    absl::MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
    WriteNext();
  }
  void End(const absl::Status& status) override {
    absl::MutexLock lock(&mutex_);
    if (!end_) end_ = status;
    WriteNext();
  }

 private:
  explicit JoinReactor(ReplicaHost* host) : host_(host) {}

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    const bool was_last = events_.front().has_run_over();
    events_.pop_front();
    writing_ = false;
    if (!end_ && !ok) end_ = absl::UnavailableError("the replica is gone");
    if (!end_ && was_last) end_ = absl::OkStatus();
    WriteNext();
  }
  void OnCancel() override { End(absl::CancelledError("the replica is gone")); }
  void OnDone() override {
    host_->Leave(this);
    const std::shared_ptr<JoinReactor> self = std::move(self_);
  }

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (end_) {
      finished_ = true;
      Finish(ToGrpc(*end_));
    } else if (!events_.empty()) {
      writing_ = true;
      StartWrite(&events_.front());
    }
  }

  ReplicaHost* const host_;
  std::shared_ptr<JoinReactor> self_;

  absl::Mutex mutex_;
  std::deque<v1::ReplicaEvent> events_ ABSL_GUARDED_BY(mutex_);  // At most two.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;                 // The first of them.
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

// One Average call; same ownership.
class AverageReactor : public grpc::ServerUnaryReactor, public AverageCall {
 public:
  static AverageReactor* Start(ReplicaHost* host, const v1::AverageRequest& request,
                               v1::AverageResponse* response) {
    auto* reactor = new AverageReactor(response);
    reactor->self_.reset(reactor);
    if (const absl::Status status = host->Give(reactor->self_, request); !status.ok()) {
      reactor->Answer(status, {});
    }
    return reactor;
  }

  void Answer(const absl::Status& status, const v1::AverageResponse& response) override {
    absl::MutexLock lock(&mutex_);
    if (finished_) return;
    finished_ = true;
    if (status.ok()) *response_ = response;
    Finish(ToGrpc(status));
  }

 private:
  explicit AverageReactor(v1::AverageResponse* response) : response_(response) {}

  void OnCancel() override { Answer(absl::CancelledError("the replica is gone"), {}); }
  void OnDone() override { const std::shared_ptr<AverageReactor> self = std::move(self_); }

  v1::AverageResponse* const response_;  // Owned by gRPC, until Finish.
  std::shared_ptr<AverageReactor> self_;
  absl::Mutex mutex_;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::ReplicaEvent>* ReplicaServiceImpl::Join(
    grpc::CallbackServerContext*, const v1::JoinReplicasRequest* request) {
  return JoinReactor::Start(host_, *request);
}

grpc::ServerUnaryReactor* ReplicaServiceImpl::Average(grpc::CallbackServerContext*,
                                                      const v1::AverageRequest* request,
                                                      v1::AverageResponse* response) {
  return AverageReactor::Start(host_, *request, response);
}

}  // namespace armature
