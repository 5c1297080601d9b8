// The edge between actors and the trainer: takes batches in order, each once, and
// acknowledges what the trainer has stored.
//
// Data flow: ExperienceReactor -> OpenStream, Offer -> bounded queue -> trainer:
// Pop, then Stored or Refused -> ExperiencePeer::SendAck.
// A batch with bad content takes its place in the queue without its content, so
// that acknowledgements stay in order; nothing else is disturbed by it.
// Sequences: see ExperienceBatch.
// Bounds: `queue_batches_max`, and one more for each stream; a stream beyond it reads
// no more until it is told to: none waits while the queue has room. kStreamsMax
// streams, and kActorsMax actor processes that are gone: beyond it the one that has
// been gone for longest is forgotten. Those that have brought nothing are forgotten as
// they leave.
// Thread safety: all methods; the trainer's from one thread. Lock order: this
// before the peers' own.
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

// The learner's end of one experience stream. Methods must not block; any thread.
class ExperiencePeer {
 public:
  virtual ~ExperiencePeer() = default;
  virtual void SendAck(const v1::ExperienceAck& ack) = 0;
  virtual void SendGrant(const v1::CollectGrant& grant) = 0;
  // After Offer returned kWait: there is room.
  virtual void ResumeReading() = 0;
  virtual void End(const absl::Status& status) = 0;
};

class ExperienceIntake {
 public:
  static constexpr size_t kStreamsMax = 10000;
  static constexpr size_t kActorsMax = 10000;  // Each costs some hundred bytes.

  struct Options {
    size_t queue_batches_max = 64;
  };
  struct Entry {
    ActorKey actor;
    uint64_t stream = 0;
    std::string refusal;        // Not empty: of `batch` only the sequence is left.
    int64_t refused_steps = 0;  // What it held.
    v1::ExperienceBatch batch;
  };
  enum class Next { kRead, kWait };

  // `coordinator` is null where actors collect freely. None is owned.
  ExperienceIntake(const Options& options, CollectCoordinator* coordinator, LearnerMetrics* metrics,
                   WakeSignal* trainer);

  // Once, before the first stream.
  void SetSchema(const ExperienceSchema& schema);
  void SetNewestVersion(uint64_t version) { newest_version_ = version; }

  // A stream of `actor`; one of the same actor that is open is ended (Aborted). Beyond
  // kStreamsMax it takes the place of the one that has been open for longest of those
  // whose actor has brought nothing (ResourceExhausted), so that streams without
  // experience shut nobody out.
  // OK: what the other methods take; ResourceExhausted: every stream has brought some.
  absl::StatusOr<uint64_t> OpenStream(const ActorKey& actor, std::shared_ptr<ExperiencePeer> peer);
  void CloseStream(uint64_t stream);
  // Ends all streams, present and future ones.
  void EndStreams(const absl::Status& status);

  // OK: whether to read on, or to wait for ResumeReading; OutOfRange: a sequence
  // is missing, the stream must end.
  absl::StatusOr<Next> Offer(uint64_t stream, v1::ExperienceBatch batch);

  // Sends grants to the streams that they are for.
  void Deliver(const std::vector<CollectCoordinator::Grant>& grants);

  // Steps of the next entry (0: a refused one), -1: there is none.
  int64_t NextSteps() const;
  std::optional<Entry> Pop();
  // The trainer is through with what it popped: acknowledges it.
  void Stored(const Entry& entry);
  // As Stored, but it was not stored: why not.
  void Refused(const Entry& entry, const std::string& why);

  // The last sequence that was stored; 0: none.
  uint64_t AcknowledgedSequence(const ActorKey& actor) const;
  std::map<ActorKey, uint64_t> AcknowledgedSequences() const;
  // From a checkpoint, before the first stream.
  void Restore(const std::map<ActorKey, uint64_t>& acknowledged);

  int64_t streams() const;

 private:
  struct Actor {
    uint64_t stream = 0;  // 0: none is open.
    uint64_t queued = 0;  // Last sequence that went into the queue.
    uint64_t stored = 0;
    bool brought = false;  // Experience that was taken.
    uint64_t gone = 0;     // Place in gone_; 0: none.
  };
  struct Stream {
    ActorKey actor;
    std::shared_ptr<ExperiencePeer> peer;
    uint64_t refused = 0;
  };

  // Ends a stream that has brought nothing; null: there is none such.
  std::shared_ptr<ExperiencePeer> MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the stream out and returns its end.
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
  std::map<uint64_t, ActorKey> gone_ ABSL_GUARDED_BY(mutex_);  // Without a stream, by when.
  uint64_t last_gone_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Stream> streams_ ABSL_GUARDED_BY(mutex_);  // By when they opened.
  // Those of streams_ whose actor has brought nothing.
  std::set<uint64_t> newcomers_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_stream_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Entry> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> waiting_streams_ ABSL_GUARDED_BY(mutex_);
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_EXPERIENCE_INTAKE_H_
