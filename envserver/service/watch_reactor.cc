#include "envserver/service/watch_reactor.h"

#include "common/rpc/transport.h"

namespace armature {

WatchReactor::WatchReactor(const SessionContext* context, std::atomic<int>* viewers,
                           grpc::CallbackServerContext* call, const v1::WatchRequest& request)
    : call_(call),
      viewer_(std::make_shared<Viewer>(context, viewers, static_cast<ViewerSink*>(this))) {
  viewer_->Start(request);
}

void WatchReactor::OnWriteDone(bool ok) { viewer_->OnWritten(ok); }

void WatchReactor::OnCancel() { viewer_->OnBroken(); }

void WatchReactor::OnDone() {
  viewer_->OnClosed();
  delete this;
}

void WatchReactor::Accept() { StartSendInitialMetadata(); }

void WatchReactor::Write(const v1::WatchResponse& response) { StartWrite(&response); }

void WatchReactor::End(const absl::Status& status) { Finish(ToGrpc(status)); }

void WatchReactor::Abort() { call_->TryCancel(); }

}  // namespace armature
