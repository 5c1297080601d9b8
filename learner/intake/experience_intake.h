// Takes experience from actors for the trainer, each batch once and in order. Acknowledges what the
// trainer has stored.
//
// Data flow: ExperienceReactor -> OpenStream, Offer -> bounded queue -> trainer: Pop, then Stored
// or Refused -> ExperiencePeer::SendAck.
// A batch with bad content keeps its place in the queue, but not its content, so that
// acknowledgements stay in order. It affects nothing else.
// Sequences: see ExperienceBatch.
// Bounds: holds `queue_batches_max` batches and one more per stream; then a stream stops reading
// until ResumeReading. No stream waits while the queue has room. At most kStreamsMax streams are
// open. Remembers at most kActorsMax disconnected actor processes, and forgets the one gone longest
// first. Actors that never brought experience are forgotten when they leave.
// Thread safety: all methods; the trainer's methods from one thread. Lock order: this lock before
// the peers' locks.
#ifndef ARMATURE_LEARNER_INTAKE_EXPERIENCE_INTAKE_H_
#define ARMATURE_LEARNER_INTAKE_EXPERIENCE_INTAKE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/sync/wake_signal.h"
#include "learner/intake/actor_key.h"
#include "learner/intake/collect_coordinator.h"
#include "learner/intake/experience_check.h"
#include "learner/status/learner_metrics.h"
#include "proto/learner_service.pb.h"

namespace armature {

// The learner's end of one experience stream. Methods must not block and may be called from any
// thread.
class ExperiencePeer {
 public:
  virtual ~ExperiencePeer() = default;
  virtual void SendAck(const v1::ExperienceAck& ack) = 0;
  virtual void SendGrant(const v1::CollectGrant& grant) = 0;
  // There is room again after Offer returned kWait.
  virtual void ResumeReading() = 0;
  virtual void End(const absl::Status& status) = 0;
};

class ExperienceIntake {
 public:
  static constexpr size_t kStreamsMax = 10000;
  static constexpr size_t kActorsMax = 10000;  // Each takes a few hundred bytes.

  struct Options {
    size_t queue_batches_max = 64;
  };
  struct Entry {
    ActorKey actor;
    uint64_t stream = 0;
    std::string refusal;        // If not empty, only the sequence of `batch` is kept.
    int64_t refused_steps = 0;  // Steps in a refused batch.
    v1::ExperienceBatch batch;
  };
  enum class Next { kRead, kWait };

  // The pointers must outlive this.
  ExperienceIntake(const Options& options, CollectCoordinator* coordinator, LearnerMetrics* metrics,
                   WakeSignal* trainer);

  // Call once, before the first stream.
  void SetSchema(const ExperienceSchema& schema);
  void SetNewestVersion(uint64_t version) { newest_version_ = version; }

  // Opens a stream for `actor` and returns its id. Ends (Aborted) an open stream of the same actor.
  // Beyond kStreamsMax, ends (ResourceExhausted) the longest open stream whose actor has brought no
  // experience, so that idle streams keep nobody out. Returns ResourceExhausted if all have brought
  // experience.
  absl::StatusOr<uint64_t> OpenStream(const ActorKey& actor, std::shared_ptr<ExperiencePeer> peer);
  void CloseStream(uint64_t stream);
  // Ends all present and future streams.
  void EndStreams(const absl::Status& status);

  // Returns whether to read on or to wait for ResumeReading. Returns OutOfRange if a sequence is
  // missing; the stream must then end.
  absl::StatusOr<Next> Offer(uint64_t stream, v1::ExperienceBatch batch);

  void Deliver(const std::vector<CollectCoordinator::Grant>& grants);

  // Steps of the next entry; 0 if it is refused, -1 if there is none.
  int64_t NextSteps() const;
  std::optional<Entry> Pop();
  // Acknowledges an entry that the trainer popped and stored.
  void Stored(const Entry& entry);
  // Acknowledges an entry that was not stored and says why.
  void Refused(const Entry& entry, const std::string& why);

  // The last stored sequence; 0 if none.
  uint64_t AcknowledgedSequence(const ActorKey& actor) const;
  std::map<ActorKey, uint64_t> AcknowledgedSequences() const;
  // Restores a checkpoint's sequences; call before the first stream.
  void Restore(const std::map<ActorKey, uint64_t>& acknowledged);

  int64_t streams() const;

 private:
  struct Actor {
    uint64_t stream = 0;  // 0: none open.
    uint64_t queued = 0;  // Last sequence put into the queue.
    uint64_t stored = 0;
    bool brought = false;  // Whether experience was accepted from it.
    uint64_t gone = 0;     // Key in gone_; 0: none.
  };
  struct Stream {
    ActorKey actor;
    std::shared_ptr<ExperiencePeer> peer;
    uint64_t refused = 0;
  };

  // Removes the oldest stream that has brought no experience; returns its peer, or null if there is
  // none.
  std::shared_ptr<ExperiencePeer> MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Removes the stream; returns its peer, or null if it is not open.
  std::shared_ptr<ExperiencePeer> Remove(uint64_t stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteGone(const ActorKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Acknowledge(const Entry& entry, const std::string& refusal);

  const Options options_;
  CollectCoordinator* const coordinator_;
  LearnerMetrics* const metrics_;
  WakeSignal* const trainer_;
  std::atomic<uint64_t> newest_version_{0};

  mutable absl::Mutex mutex_;
  ExperienceSchema schema_ ABSL_GUARDED_BY(mutex_);
  std::map<ActorKey, Actor> actors_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, ActorKey> gone_ ABSL_GUARDED_BY(mutex_);  // Longest gone first.
  uint64_t last_gone_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Stream> streams_ ABSL_GUARDED_BY(mutex_);  // Oldest first.
  // Keys in streams_ of actors that have brought no experience.
  std::set<uint64_t> newcomers_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_stream_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Entry> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> waiting_streams_ ABSL_GUARDED_BY(mutex_);
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_EXPERIENCE_INTAKE_H_
