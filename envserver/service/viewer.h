// One call of Watch, without its transport: shows one slot of an open session.
//
// Data flow: the slot's FrameBox -> (DeadlineTimer's thread, as often as asked) -> ViewerSink.
// Call order: Create Start OnWritten* OnClosed; OnBroken at any time.
// Thread safety: all methods; none blocks.
// Bounds: kViewersMax on a server; one frame waits to be written beside the two of the box. A
// viewer that does not read is cut off one lease after its session has ended.
#ifndef ARMATURE_ENVSERVER_SERVICE_VIEWER_H_
#define ARMATURE_ENVSERVER_SERVICE_VIEWER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "envserver/service/session.h"
#include "envserver/slots/slot_view.h"
#include "envserver/slots/vector_env.h"
#include "proto/env_service.pb.h"

namespace armature {

// Every viewer costs its slot a copy of the view in each step, and the server a stream; people
// look at a few.
inline constexpr int kViewersMax = 16;

// Receives a viewer's messages. Called with the viewer's lock held, so it must neither block nor
// call back.
class ViewerSink {
 public:
  virtual ~ViewerSink() = default;
  // The slot is followed from now on; called before any Write.
  virtual void Accept() = 0;
  // `response` does not change until OnWritten, which must follow.
  virtual void Write(const v1::WatchResponse& response) = 0;
  // Called once; nothing is written after it.
  virtual void End(const absl::Status& status) = 0;
  // Breaks off a write that is stuck; OnWritten follows.
  virtual void Abort() = 0;
};

class Viewer : public std::enable_shared_from_this<Viewer> {
 public:
  // `viewers` counts the server's viewers that have not ended. It and `context` must outlive this;
  // `sink` is used until OnClosed.
  Viewer(const SessionContext* context, std::atomic<int>* viewers, ViewerSink* sink);

  // Begins, or ends with the error, as in proto/env_service.proto.
  void Start(const v1::WatchRequest& request);
  void OnWritten(bool ok);
  // The stream has broken.
  void OnBroken();
  // The sink must not be used after this.
  void OnClosed();

 private:
  absl::Status Begin(const v1::WatchRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The box has a frame or was closed; called on the slot's thread, so it only asks for OnDue.
  void OnChanged(bool closed);
  void OnDue();
  // Writes what is due, or ends.
  void Send() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Queues the messages that show `frame_`.
  absl::Status QueueFrame() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void QueueOpened() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Schedule(absl::Duration deadline);
  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SessionContext& context_;
  std::atomic<int>& viewers_;
  // A new frame needs no call of OnDue: one will come, or OnWritten.
  std::atomic<bool> asked_{false};
  // Lock order: before the locks of SlotView, FrameBox, SessionTable and DeadlineTimer.
  absl::Mutex mutex_;
  ViewerSink* sink_ ABSL_GUARDED_BY(mutex_);  // Null once closed.
  WatchedSession session_ ABSL_GUARDED_BY(mutex_);
  uint32_t slot_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration period_ ABSL_GUARDED_BY(mutex_);
  absl::Duration due_ ABSL_GUARDED_BY(mutex_);  // Of the next frame.
  std::shared_ptr<FrameBox> box_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Scene> sent_scene_ ABSL_GUARDED_BY(mutex_);  // Null until `opened`.
  SlotFrame frame_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::WatchResponse> outbox_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;      // The first message of the outbox.
  bool cutting_off_ ABSL_GUARDED_BY(mutex_) = false;  // It is being aborted, as it does not read.
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_VIEWER_H_
