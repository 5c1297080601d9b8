// How a learner works with the other replicas of its run: there are none (Alone), or it averages
// with them (ReplicaSync).
//
// Thread safety: Stop from any thread; the others from the trainer's thread.
// Call order: Begin (Synchronize (update AfterUpdate)*)* End?
#ifndef ARMATURE_LEARNER_REPLICAS_REPLICATION_H_
#define ARMATURE_LEARNER_REPLICAS_REPLICATION_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "learner/algorithms/algorithm.h"
#include "learner/replicas/replica_group.h"

namespace armature {

class Replication {
 public:
  virtual ~Replication() = default;

  // Call before the first update of `algorithm`, which must outlive this. Errors: as
  // ReplicaGroup::Begin.
  virtual absl::Status Begin(const ReplicaGroup::Identity& identity, Algorithm* algorithm) = 0;

  // Call between two updates; see ReplicaGroup::Synchronize.
  virtual absl::StatusOr<ReplicaGroup::Standing> Synchronize(uint64_t env_steps) = 0;

  // Call after each update. Averages if due. Returns OK even if this replica was left behind (the
  // next Synchronize says so); InvalidArgument if the average does not fit the algorithm; DataLoss
  // if this replica's part is not finite (the message names it). That part is not sent.
  virtual absl::Status AfterUpdate(uint64_t env_steps) = 0;

  // Tells the others that the run is over.
  virtual void End(const std::string& reason) = 0;
  // Ends all present and future waits.
  virtual void Stop() = 0;

  // Whether this learner leads the run. Only the leader requests evaluations, keeps models by step,
  // ends the run and writes its result.
  virtual bool leads_run() const = 0;
  // Whether there are no other replicas, so that the run's env steps and the files in its folder
  // are all this learner's.
  virtual bool makes_run_alone() const = 0;
  // Whether this learner has the same state as the others, so that it may learn and publish.
  virtual bool in_step() const = 0;
  // Env steps of the other replicas, as of the last average.
  virtual uint64_t others_env_steps() const = 0;
  // When Synchronize next has work; InfiniteFuture if only after a change.
  virtual absl::Time next_deadline() const = 0;
  // Whom this learner waits for while it is not in step, as a sentence.
  virtual std::string Waiting() const = 0;
  // See ReplicaGroup::set_on_wait.
  virtual void set_on_wait(std::function<void(const std::string&)> on_wait) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICATION_H_
