#include "envserver/service/viewer.h"

#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/protocol.h"
#include "common/scene/scene_messages.h"

namespace armature {

Viewer::Viewer(const SessionContext* context, std::atomic<int>* viewers, ViewerSink* sink)
    : context_(*context), viewers_(*viewers), sink_(sink) {
  viewers_.fetch_add(1);
}

void Viewer::Start(const v1::WatchRequest& request) {
  absl::MutexLock lock(&mutex_);
  const absl::Status status = Begin(request);
  if (status.ok()) return;
  context_.metrics->CountRefusal(status);
  End(absl::Status(status.code(),
                   absl::StrCat("env server ", context_.server_name, ": ", status.message())));
}

absl::Status Viewer::Begin(const v1::WatchRequest& request) {
  if (viewers_.load() > kViewersMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kViewersMax, " viewers watch this server, no more are allowed"));
  }
  const double frames_per_s_max = request.frames_per_s_max();
  if (!(frames_per_s_max >= 0) || !std::isfinite(frames_per_s_max)) {
    return absl::InvalidArgumentError(absl::StrCat("WatchRequest.frames_per_s_max is ",
                                                   frames_per_s_max,
                                                   ", expected 0 or a positive number"));
  }
  auto session = context_.table->Find(request.session_id());
  if (!session.ok()) return session.status();
  session_ = *std::move(session);
  slot_ = request.slot();
  const VectorEnv& env = *session_.env;
  if (const int64_t slots = env.num_groups() * env.group_size(); slot_ >= slots) {
    return absl::NotFoundError(absl::StrCat("WatchRequest.slot is ", slot_, ", session ",
                                            session_.id, " has 0..", slots - 1));
  }
  if (frames_per_s_max > 0) period_ = absl::Seconds(1) / frames_per_s_max;
  auto box = std::make_shared<FrameBox>([weak = weak_from_this()](bool closed) {
    if (const std::shared_ptr<Viewer> self = weak.lock()) self->OnChanged(closed);
  });
  if (absl::Status status = session_.env->Watch(slot_, box); !status.ok()) return status;
  box_ = std::move(box);
  sink_->Accept();
  return absl::OkStatus();
}

void Viewer::OnChanged(bool closed) {
  if (!asked_.exchange(true) || closed) Schedule(context_.timer->now());
}

void Viewer::Schedule(absl::Duration deadline) {
  context_.timer->Schedule(deadline, [weak = weak_from_this()] {
    if (const std::shared_ptr<Viewer> self = weak.lock()) self->OnDue();
  });
}

void Viewer::OnDue() {
  absl::MutexLock lock(&mutex_);
  Send();
}

void Viewer::Send() {
  if (ended_) return;
  const std::optional<absl::Status> closed = box_->closed();
  const absl::Duration now = context_.timer->now();
  if (writing_) {
    if (!closed.has_value() || cutting_off_) return;
    cutting_off_ = true;
    context_.timer->Schedule(now + context_.lease, [weak = weak_from_this()] {
      const std::shared_ptr<Viewer> self = weak.lock();
      if (self == nullptr) return;
      absl::MutexLock lock(&self->mutex_);
      if (self->writing_ && self->sink_ != nullptr) self->sink_->Abort();
    });
    return;
  }
  if (outbox_.empty()) {
    asked_ = now < due_ && !closed.has_value();
    if (asked_) return Schedule(due_);
    if (!box_->Take(&frame_)) {
      if (closed.has_value()) End(*closed);
      return;
    }
    due_ = now + period_;
    if (absl::Status status = QueueFrame(); !status.ok()) return End(status);
  }
  writing_ = true;
  sink_->Write(outbox_.front());
}

absl::Status Viewer::QueueFrame() {
  if (sent_scene_ == nullptr) {
    sent_scene_ = frame_.scene;
    QueueOpened();
  }
  absl::Status status = WriteFrame(frame_, *sent_scene_, outbox_.emplace_back().mutable_frame());
  sent_scene_ = frame_.scene;
  for (const v1::WatchResponse& message : outbox_) {
    const auto bytes = static_cast<int64_t>(message.ByteSizeLong());
    if (bytes <= context_.message_bytes_max) continue;
    status.Update(absl::ResourceExhaustedError(
        absl::StrCat("the scene or a mesh of it takes ", bytes, " bytes, ",
                     context_.message_bytes_max, " are allowed")));
  }
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("env server ", context_.server_name, ", env ",
                                                  session_.env->spec().id, " slot ", slot_, ": ",
                                                  status.message()));
}

void Viewer::QueueOpened() {
  v1::WatchOpened* opened = outbox_.emplace_back().mutable_opened();
  *opened->mutable_handshake() = MakeHandshake(context_.server_name, context_.incarnation, "");
  opened->set_session_id(session_.id);
  opened->set_client(session_.client);
  opened->set_num_envs(
      static_cast<uint32_t>(session_.env->num_groups() * session_.env->group_size()));
  *opened->mutable_spec() = session_.env->spec().ToProto();
  *opened->mutable_scene() = SceneMessage(*sent_scene_);
  for (const std::shared_ptr<const SceneMesh>& mesh : MeshesOf(*sent_scene_)) {
    *outbox_.emplace_back().mutable_mesh() = MeshMessage(*mesh);
  }
}

void Viewer::OnWritten(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (ended_) {
    if (sink_ != nullptr) sink_->End(end_status_);
    return;
  }
  outbox_.pop_front();
  if (!ok) return End(absl::CancelledError("the stream broke"));
  Send();
}

void Viewer::OnBroken() {
  absl::MutexLock lock(&mutex_);
  End(absl::CancelledError("the viewer ended the stream"));
}

void Viewer::OnClosed() {
  absl::MutexLock lock(&mutex_);
  sink_ = nullptr;
}

void Viewer::End(const absl::Status& status) {
  if (ended_) return;
  ended_ = true;
  end_status_ = status;
  viewers_.fetch_sub(1);  // Before the peer reads its end: it may come back at once.
  if (box_ != nullptr) session_.env->Unwatch(slot_, box_.get());
  session_.env = nullptr;
  if (!writing_ && sink_ != nullptr) sink_->End(status);
}

}  // namespace armature
