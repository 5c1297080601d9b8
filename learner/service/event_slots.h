// Events waiting to be sent to one subscriber: at most one of each kind, so a slow reader skips
// policies and no queue builds up.
//
// Thread safety: none; the owner locks.
#ifndef ARMATURE_LEARNER_SERVICE_EVENT_SLOTS_H_
#define ARMATURE_LEARNER_SERVICE_EVENT_SLOTS_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "proto/learner_service.pb.h"

namespace armature {

using SharedEvent = std::shared_ptr<const v1::LearnerEvent>;

class EventSlots {
 public:
  // Replaces a waiting event of the same kind.
  void Put(SharedEvent event) {
    switch (event->kind_case()) {
      case v1::LearnerEvent::kPolicy:
        policy_ = std::move(event);
        break;
      case v1::LearnerEvent::kEvaluation:
        evaluation_ = std::move(event);
        break;
      default:
        run_over_ = std::move(event);
    }
  }

  // Returns the policy first, then the evaluation (which needs it), then the end of the run; null
  // if nothing waits.
  SharedEvent Take() {
    for (SharedEvent* slot : {&policy_, &evaluation_, &run_over_}) {
      if (*slot != nullptr) return std::move(*slot);
    }
    return nullptr;
  }

 private:
  SharedEvent policy_;
  SharedEvent evaluation_;
  SharedEvent run_over_;
};

// Where a subscriber's events go. Methods must not block and may be called from any thread.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Send(SharedEvent event) = 0;
  virtual void End(const absl::Status& status) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_EVENT_SLOTS_H_
