// What one subscriber has yet to be sent: at most one event of each kind, so that
// a slow reader skips policies and nothing ever queues.
//
// Thread safety: none; guarded by its owner.
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
  // Replaces the one of the same kind that was not taken.
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

  // Policy, then evaluation (which needs it), then the end of the run; null: none.
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

// Where a subscriber's events go. Methods must not block; any thread.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Send(SharedEvent event) = 0;
  // Ends the subscription.
  virtual void End(const absl::Status& status) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_EVENT_SLOTS_H_
