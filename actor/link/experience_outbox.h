// Numbers experience batches and keeps each until the learner has acknowledged it.
//
// Invariants: sequences are consecutive; what is kept is (acknowledged,
// acknowledged + size()]; what was acknowledged is never sent again.
// Bounds: the owner looks at size() before it steps on; Add itself always takes.
// Call order: Rejoin, then Add, Next and Acknowledge in any order; Rejoin again
// after each lost stream.
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
  // Batches not acknowledged yet, sent or not.
  int64_t size() const { return static_cast<int64_t>(unacked_.size()); }

  // Gives the batch its sequence.
  void Add(v1::ExperienceBatch batch);

  // The next batch to write to the stream, or null. Valid until the next call.
  const v1::ExperienceBatch* Next();
  // Batches that Next gave out more than once.
  int64_t resent() const { return resent_; }

  // OK; OutOfRange: a sequence that was never sent.
  absl::Status Acknowledge(uint64_t sequence);

  // A new stream begins and the learner has admitted everything up to
  // `acknowledged`: the rest is sent again. A learner that went back to a
  // checkpoint may have forgotten what it once acknowledged; what is kept here is
  // then renumbered to follow what it knows.
  void Rejoin(uint64_t acknowledged);

 private:
  std::deque<v1::ExperienceBatch> unacked_;
  uint64_t acknowledged_ = 0;
  int64_t sent_ = 0;       // Of unacked_, how many this stream was given.
  int64_t ever_sent_ = 0;  // Of unacked_, how many some stream was given.
  int64_t resent_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_LINK_EXPERIENCE_OUTBOX_H_
