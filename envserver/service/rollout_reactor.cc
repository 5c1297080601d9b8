#include "envserver/service/rollout_reactor.h"

#include "common/rpc/transport.h"

namespace armature {

RolloutReactor::RolloutReactor(const SessionContext* session_context,
                               grpc::CallbackServerContext* call)
    : call_(call),
      session_(std::make_shared<Session>(session_context, static_cast<SessionSink*>(this))) {
  session_->Start();
  StartRead(&request_);
}

void RolloutReactor::OnReadDone(bool ok) {
  if (!ok) {
    session_->OnHalfClose();
  } else if (session_->OnMessage(request_)) {
    StartRead(&request_);
  }
}

void RolloutReactor::OnWriteDone(bool ok) { session_->OnWritten(ok); }

void RolloutReactor::OnCancel() { session_->OnBroken(); }

void RolloutReactor::OnDone() {
  session_->OnClosed();
  delete this;
}

void RolloutReactor::Write(const v1::RolloutResponse& response) { StartWrite(&response); }

void RolloutReactor::End(const absl::Status& status) { Finish(ToGrpc(status)); }

void RolloutReactor::Abort() { call_->TryCancel(); }

}  // namespace armature
