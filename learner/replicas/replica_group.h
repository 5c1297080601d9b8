// The other replicas of a run, as one replica's trainer sees them: someone to take
// means with. ReplicaHost is replica 0's side, ReplicaMember that of the others.
//
// Rounds are numbered over the whole run and matched by number: every replica calls
// Average in the same order with tensors of the same layout.
// Thread safety: Stop and the accessors from any thread; the others are the trainer's.
// Call order: Begin (Synchronize Average*)* End?
#ifndef ARMATURE_LEARNER_REPLICAS_REPLICA_GROUP_H_
#define ARMATURE_LEARNER_REPLICAS_REPLICA_GROUP_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/policy/named_tensors.h"
#include "learner/replicas/shared_state.h"

namespace armature {

class ReplicaGroup {
 public:
  // What must be equal in all replicas.
  struct Identity {
    std::string algorithm;
    std::string averaging;
    uint64_t spec_hash = 0;
  };
  enum class Standing {
    kOutside,   // Not a member (yet): it must not learn.
    kJoined,    // It became a member in this call and took the state of replica 0.
    kMember,    // It may learn.
    kRunIsOver  // Replica 0 has ended the run.
  };

  virtual ~ReplicaGroup() = default;

  // Once the algorithm exists. `state` must outlive the group.
  // OK; InvalidArgument: a round would not fit into one message.
  virtual absl::Status Begin(const Identity& identity, SharedState* state) = 0;

  // Between two updates: lets others join, or joins. Waits a few seconds at most.
  // OK; FailedPrecondition, InvalidArgument, Unauthenticated and the like: replica 0
  // does not take this one, for good; Unavailable: it has been gone too long.
  virtual absl::StatusOr<Standing> Synchronize(uint64_t env_steps) = 0;

  // The mean of `own` and what the other members give to this round. While it waits
  // it says so through on_wait about once a second.
  // Cancelled: Stop was called, or the run is over; other errors: this replica has
  // been left behind or replica 0 is gone, and Synchronize joins it again.
  virtual absl::StatusOr<NamedTensors> Average(const NamedTensors& own, uint64_t env_steps) = 0;

  // Tells the others that the run is over; replica 0's.
  virtual void End(const std::string& reason) = 0;

  // Ends every wait, now and later.
  virtual void Stop() = 0;

  // Whether this replica evaluates and ends the run: replica 0.
  virtual bool decides() const = 0;
  // Of the other replicas, as of the last round.
  virtual uint64_t others_env_steps() const = 0;
  // When Synchronize has something to do; InfiniteFuture: after a change, or Begin was not
  // called yet.
  virtual absl::Time next_deadline() const = 0;
  // Whom this replica waits for outside a round, as a sentence; empty: no one.
  virtual std::string Waiting() const = 0;

  // Called with whom a round waits for, in a sentence, on the trainer's thread.
  void set_on_wait(std::function<void(const std::string&)> on_wait) {
    on_wait_ = std::move(on_wait);
  }

 protected:
  std::function<void(const std::string&)> on_wait_ = [](const std::string&) {};
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICA_GROUP_H_
