// Sends the newest policy to every subscriber.
//
// Versions count up from `last_version` + 1. Each message is built once and shared. A newer policy
// replaces one that a subscriber has not been sent yet (EventSlots).
// Bounds: one subscription per actor process.
// Thread safety: all methods. Lock order: this lock before the sinks' locks.
#ifndef ARMATURE_LEARNER_SERVICE_POLICY_PUBLISHER_H_
#define ARMATURE_LEARNER_SERVICE_POLICY_PUBLISHER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "learner/intake/actor_key.h"
#include "learner/service/event_slots.h"
#include "proto/learner_service.pb.h"

namespace armature {

class PolicyPublisher {
 public:
  explicit PolicyPublisher(uint64_t last_version) : last_version_(last_version) {}

  // Gives `update` the next version and sends it. Its tensors and checksum must be set.
  SharedEvent Publish(v1::PolicyUpdate update);
  // Sends RunOver to all present and future subscribers.
  void EndRun(const std::string& reason);

  // Sends the newest policy at once if it is newer than `have_version`. Ends `actor`'s earlier
  // subscription with Aborted. `sink` is ignored once it has expired. Returns the id for
  // Unsubscribe.
  uint64_t Subscribe(const ActorKey& actor, std::weak_ptr<EventSink> sink, uint64_t have_version);
  void Unsubscribe(uint64_t subscription);

  // 0 if none was published yet.
  uint64_t newest_version() const;
  // The version that the next Publish will use.
  uint64_t next_version() const;
  int64_t subscribers() const;

 private:
  struct Subscription {
    ActorKey actor;
    std::weak_ptr<EventSink> sink;
  };

  void SendAll(const SharedEvent& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  uint64_t last_version_ ABSL_GUARDED_BY(mutex_);
  SharedEvent newest_ ABSL_GUARDED_BY(mutex_);
  SharedEvent run_over_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Subscription> subscriptions_ ABSL_GUARDED_BY(mutex_);
  std::map<ActorKey, uint64_t> by_actor_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_subscription_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_POLICY_PUBLISHER_H_
