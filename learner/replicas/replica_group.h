// A replica's interface to the other replicas of its run, to average with them. ReplicaHost
// implements it for replica 0, ReplicaMember for the others.
//
// Averages are numbered over the whole run and matched by number. All replicas must call Average in
// the same order, with tensors of the same layout.
// Thread safety: Stop and the accessors from any thread; the others from the trainer's thread.
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
    kRunIsOver  // Replica 0 ended the run.
  };

  virtual ~ReplicaGroup() = default;

  // Call once the algorithm exists. `state` must outlive the group. Returns InvalidArgument if an
  // average would not fit into one message.
  virtual absl::Status Begin(const Identity& identity, SharedState* state) = 0;

  // Call between two updates: lets others join, or joins. Waits a few seconds at most. Returns
  // FailedPrecondition, InvalidArgument, Unauthenticated or similar if replica 0 refuses this one
  // for good; Unavailable if replica 0 has been gone too long.
  virtual absl::StatusOr<Standing> Synchronize(uint64_t env_steps) = 0;

  // Returns the average of `own` and the other members' tensors. While waiting, calls on_wait about
  // once a second. Returns Cancelled if Stop was called or the run is over. Other errors mean that
  // this replica was left behind or replica 0 is gone; Synchronize then joins again.
  virtual absl::StatusOr<NamedTensors> Average(const NamedTensors& own, uint64_t env_steps) = 0;

  // In replica 0: tells the others that the run is over.
  virtual void End(const std::string& reason) = 0;

  // Ends all present and future waits.
  virtual void Stop() = 0;

  // Whether this is replica 0; see Replication.
  virtual bool leads_run() const = 0;
  // Env steps of the other replicas, as of the last average.
  virtual uint64_t others_env_steps() const = 0;
  // When Synchronize next has work; InfiniteFuture if only after a change, or before Begin.
  virtual absl::Time next_deadline() const = 0;
  // Whom this replica waits for outside an average, as a sentence; empty if no one.
  virtual std::string Waiting() const = 0;

  // `on_wait` is called on the trainer's thread with a sentence that says whom an average waits
  // for.
  void set_on_wait(std::function<void(const std::string&)> on_wait) {
    on_wait_ = std::move(on_wait);
  }

 protected:
  std::function<void(const std::string&)> on_wait_ = [](const std::string&) {};
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICA_GROUP_H_
