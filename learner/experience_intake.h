// The edge between actors and the trainer: takes batches in order, each once, and
// acknowledges what the trainer has stored.
//
// Data flow: ExperienceReactor -> OpenStream, Offer -> bounded queue -> trainer:
// Pop, then Stored or Refused -> ExperiencePeer::SendAck.
// A batch with bad content takes its place in the queue without its content, so
// that acknowledgements stay in order; nothing else is disturbed by it.
// Sequences: see ExperienceBatch. The first batch that a new process (a learner
// that was restarted) sees from an actor may have any sequence above what it
// restored: the actor does not send again what the old process acknowledged.
// Bounds: `queue_batches_max`, and one more for each stream; a stream beyond it
// reads no more until it is told to.
// Thread safety: all methods; the trainer's from one thread. Lock order: this
// before the peers' own.
#ifndef ARMATURE_LEARNER_EXPERIENCE_INTAKE_H_
#define ARMATURE_LEARNER_EXPERIENCE_INTAKE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/sync/wake_signal.h"
#include "learner/actor_key.h"
#include "learner/collect_coordinator.h"
#include "learner/experience_check.h"
#include "learner/learner_metrics.h"
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
  struct Options {
    size_t queue_batches_max = 64;
  };
  struct Entry {
    ActorKey actor;
    uint64_t stream = 0;
    std::string refusal;  // Not empty: there is no content in `batch`.
    v1::ExperienceBatch batch;
  };
  enum class Next { kRead, kWait };

  // `coordinator` is null where actors collect freely. None is owned.
  ExperienceIntake(const Options& options, CollectCoordinator* coordinator, LearnerMetrics* metrics,
                   WakeSignal* trainer);

  // Once, before the first stream.
  void SetSchema(const ExperienceSchema& schema);
  void SetNewestVersion(uint64_t version) { newest_version_ = version; }

  // A stream of `actor`; one of the same actor that is open is ended (Aborted).
  // OK: what the other methods take; ResourceExhausted: too many actors.
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
    bool seen = false;  // By this process.
  };
  struct Stream {
    ActorKey actor;
    std::shared_ptr<ExperiencePeer> peer;
    uint64_t refused = 0;
  };

  void Acknowledge(const Entry& entry, const std::string& refusal);

  const Options options_;
  CollectCoordinator* const coordinator_;
  LearnerMetrics* const metrics_;
  WakeSignal* const trainer_;
  std::atomic<uint64_t> newest_version_{0};

  mutable absl::Mutex mutex_;
  ExperienceSchema schema_ ABSL_GUARDED_BY(mutex_);
  std::map<ActorKey, Actor> actors_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Stream> streams_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_stream_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Entry> queue_ ABSL_GUARDED_BY(mutex_);
  std::deque<uint64_t> waiting_streams_ ABSL_GUARDED_BY(mutex_);
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_EXPERIENCE_INTAKE_H_
