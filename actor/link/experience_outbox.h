// Numbers experience batches and keeps each one until the learner acknowledges it.
//
// Invariants: sequences are consecutive; the outbox keeps (acknowledged, acknowledged + size()];
// acknowledged batches are never sent again.
// Bounds: the owner checks size() before it steps; Add never refuses.
// Call order: Rejoin, then Add, Next and Acknowledge in any order; Rejoin again after each lost
// stream.
// Thread safety: compatible.
#ifndef ARMATURE_ACTOR_LINK_EXPERIENCE_OUTBOX_H_
#define ARMATURE_ACTOR_LINK_EXPERIENCE_OUTBOX_H_

#include <cstdint>
#include <deque>

#include "absl/status/status.h"
#include "proto/learner_service.pb.h"

namespace armature {

class ExperienceOutbox {
 public:
  // Number of batches not acknowledged yet, sent or not.
  int64_t size() const { return static_cast<int64_t>(unacked_.size()); }

  // Adds a batch and assigns its sequence.
  void Add(v1::ExperienceBatch batch);

  // Returns the next batch to write to the stream, or null. Valid until the next call.
  const v1::ExperienceBatch* Next();
  // Number of batches that Next returned more than once.
  int64_t resent() const { return resent_; }

  // Returns OutOfRange for a sequence that was never sent.
  absl::Status Acknowledge(uint64_t sequence);

  // Begins a new stream; the learner has accepted everything up to `acknowledged`, and the rest is
  // sent again. A learner that went back to a checkpoint may have forgotten batches that it had
  // acknowledged. The kept batches are then renumbered to follow its last one.
  void Rejoin(uint64_t acknowledged);

 private:
  std::deque<v1::ExperienceBatch> unacked_;
  uint64_t acknowledged_ = 0;
  int64_t sent_ = 0;       // How many of unacked_ were given to this stream.
  int64_t ever_sent_ = 0;  // How many of unacked_ were given to any stream.
  int64_t resent_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_LINK_EXPERIENCE_OUTBOX_H_
