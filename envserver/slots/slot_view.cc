#include "envserver/slots/slot_view.h"

#include <algorithm>

namespace armature {

void FrameBox::Put(const SlotFrame& frame) {
  {
    absl::MutexLock lock(&mutex_);
    if (closed_.has_value()) return;
    if (frame.terminated || frame.truncated) {
      last_ = frame;
      has_last_ = true;
      has_newest_ = false;  // It is older.
    } else {
      newest_ = frame;
      has_newest_ = true;
    }
  }
  changed_(/*closed=*/false);
}

void FrameBox::Close(const absl::Status& status) {
  {
    absl::MutexLock lock(&mutex_);
    if (closed_.has_value()) return;
    closed_ = status;
  }
  changed_(/*closed=*/true);
}

bool FrameBox::Take(SlotFrame* frame) {
  absl::MutexLock lock(&mutex_);
  bool& has = has_last_ ? has_last_ : has_newest_;
  if (!has) return false;
  std::swap(*frame, has_last_ ? last_ : newest_);
  has = false;
  return true;
}

std::optional<absl::Status> FrameBox::closed() const {
  absl::MutexLock lock(&mutex_);
  return closed_;
}

uint64_t SlotView::Adopt() {
  absl::MutexLock lock(&mutex_);
  return ++publisher_;
}

void SlotView::Publish(uint64_t publisher, const SlotFrame& frame) {
  absl::MutexLock lock(&mutex_);
  if (publisher != publisher_) return;
  for (const std::shared_ptr<FrameBox>& box : boxes_) box->Put(frame);
}

void SlotView::Fail(uint64_t publisher, const absl::Status& status) {
  std::vector<std::shared_ptr<FrameBox>> boxes;
  {
    absl::MutexLock lock(&mutex_);
    if (publisher != publisher_) return;
    boxes = TakeAll();
  }
  for (const std::shared_ptr<FrameBox>& box : boxes) box->Close(status);
}

void SlotView::Add(std::shared_ptr<FrameBox> box) {
  {
    absl::MutexLock lock(&mutex_);
    if (!closed_) {
      boxes_.push_back(std::move(box));
      watched_.store(true, std::memory_order_relaxed);
      return;
    }
  }
  box->Close(absl::OkStatus());
}

void SlotView::Remove(const FrameBox* box) {
  absl::MutexLock lock(&mutex_);
  const auto is_it = [box](const std::shared_ptr<FrameBox>& other) { return other.get() == box; };
  boxes_.erase(std::remove_if(boxes_.begin(), boxes_.end(), is_it), boxes_.end());
  watched_.store(!boxes_.empty(), std::memory_order_relaxed);
}

void SlotView::Close() {
  std::vector<std::shared_ptr<FrameBox>> boxes;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    boxes = TakeAll();
  }
  for (const std::shared_ptr<FrameBox>& box : boxes) box->Close(absl::OkStatus());
}

std::vector<std::shared_ptr<FrameBox>> SlotView::TakeAll() {
  std::vector<std::shared_ptr<FrameBox>> boxes;
  boxes.swap(boxes_);
  watched_.store(false, std::memory_order_relaxed);
  return boxes;
}

}  // namespace armature
