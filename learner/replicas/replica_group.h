// The other replicas of a run, as one replica's trainer sees them: partners to average with.
// ReplicaHost is replica 0's side, ReplicaMember the side of the others.
//
// Rounds are numbered over the whole run and matched by number: all replicas call Average in the
// same order with tensors of the same layout.
// Thread safety: Stop and the accessors from any thread; the rest from the trainer's thread.
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
    kOutside,   // Not a member (yet): must not learn.
    kJoined,    // Became a member in this call and took replica 0's state.
    kMember,    // May learn.
    kRunIsOver  // Replica 0 has ended the run.
  };

  virtual ~ReplicaGroup() = default;

  // Call once the algorithm exists. `state` must outlive the group. Returns InvalidArgument if a
  // round would not fit into one message.
  virtual absl::Status Begin(const Identity& identity, SharedState* state) = 0;

  // Call between two updates: lets others join, or joins. Waits a few seconds at most. Returns
  // FailedPrecondition, InvalidArgument, Unauthenticated or similar if replica 0 refuses this one
  // for good; Unavailable if replica 0 has been gone too long.
  virtual absl::StatusOr<Standing> Synchronize(uint64_t env_steps) = 0;

  // Returns the mean of `own` and the other members' tensors in this round. While waiting, it calls
  // on_wait about once a second. Returns Cancelled if Stop was called or the run is over; other
  // errors if this replica was left behind or replica 0 is gone, and then Synchronize joins again.
  virtual absl::StatusOr<NamedTensors> Average(const NamedTensors& own, uint64_t env_steps) = 0;

  // In replica 0: tells the others that the run is over.
  virtual void End(const std::string& reason) = 0;

  // Ends all present and future waits.
  virtual void Stop() = 0;

  // Whether this replica evaluates and ends the run; true for replica 0.
  virtual bool decides() const = 0;
  // Env steps of the other replicas, as of the last round.
  virtual uint64_t others_env_steps() const = 0;
  // When Synchronize next has work; InfiniteFuture if only after a change, or before Begin.
  virtual absl::Time next_deadline() const = 0;
  // Which replica this one waits for outside of a round, as a sentence; empty if none.
  virtual std::string Waiting() const = 0;

  // Called on the trainer's thread with a sentence on who a round waits for.
  void set_on_wait(std::function<void(const std::string&)> on_wait) {
    on_wait_ = std::move(on_wait);
  }

 protected:
  std::function<void(const std::string&)> on_wait_ = [](const std::string&) {};
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICA_GROUP_H_
