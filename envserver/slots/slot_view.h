// How viewers follow one slot without delaying it.
//
// Data flow: the slot's thread -> SlotView::Publish -> each viewer's FrameBox -> the viewer's
// thread. A slot asks `watched`, one atomic read, and reads its environment's view only if that is
// true.
// Thread safety: all methods. A lock is held only while one frame is copied.
// Bounds: a box holds two frames; whoever is too slow loses those between.
#ifndef ARMATURE_ENVSERVER_SLOTS_SLOT_VIEW_H_
#define ARMATURE_ENVSERVER_SLOTS_SLOT_VIEW_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/scene/slot_frame.h"

namespace armature {

// What one viewer has still to see: the last frame of an episode, if there is one, then the newest.
class FrameBox {
 public:
  // `changed` is called after Put and Close, on their thread, with whether the box is closed. It
  // must not block.
  explicit FrameBox(std::function<void(bool closed)> changed) : changed_(std::move(changed)) {}

  void Put(const SlotFrame& frame);
  // Nothing comes any more; only the first status counts. OK: the session has ended.
  void Close(const absl::Status& status);
  // Moves the next frame to `frame`, whose memory is used again; false if there is none.
  bool Take(SlotFrame* frame);
  std::optional<absl::Status> closed() const;

 private:
  const std::function<void(bool closed)> changed_;
  mutable absl::Mutex mutex_;
  SlotFrame last_ ABSL_GUARDED_BY(mutex_);  // Of an episode.
  SlotFrame newest_ ABSL_GUARDED_BY(mutex_);
  bool has_last_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_newest_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> closed_ ABSL_GUARDED_BY(mutex_);
};

class SlotView {
 public:
  bool watched() const { return watched_.load(std::memory_order_relaxed); }

  // Returns a number for Publish and Fail; those who had one before are not heard any more. So a
  // call that hung, and comes back after its slot was replaced, shows nothing.
  uint64_t Adopt();
  void Publish(uint64_t publisher, const SlotFrame& frame);
  // Ends all viewing with `status`.
  void Fail(uint64_t publisher, const absl::Status& status);

  // After Close, the box is closed at once.
  void Add(std::shared_ptr<FrameBox> box);
  void Remove(const FrameBox* box);
  // Ends all viewing with OK.
  void Close();

 private:
  std::vector<std::shared_ptr<FrameBox>> TakeAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<bool> watched_{false};
  absl::Mutex mutex_;  // Before FrameBox::mutex_.
  std::vector<std::shared_ptr<FrameBox>> boxes_ ABSL_GUARDED_BY(mutex_);
  uint64_t publisher_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SLOTS_SLOT_VIEW_H_
