// How this learner stands to the other replicas of its run: alone (Alone), or in step with
// them (ReplicaSync).
//
// Thread safety: Stop from any thread; the others are the trainer's.
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

  // Before the first update of `algorithm`, which must outlive it.
  // Errors: as ReplicaGroup::Begin.
  virtual absl::Status Begin(const ReplicaGroup::Identity& identity, Algorithm* algorithm) = 0;

  // Between two updates, as ReplicaGroup::Synchronize.
  virtual absl::StatusOr<ReplicaGroup::Standing> Synchronize(uint64_t env_steps) = 0;

  // After each update: averages, if that is due.
  // OK, also where this replica was left behind (Synchronize says so next);
  // InvalidArgument: the mean does not fit the algorithm; DataLoss: this replica's part is
  // not finite (named), and the others have not got it.
  virtual absl::Status AfterUpdate(uint64_t env_steps) = 0;

  // Tells the others that the run is over.
  virtual void End(const std::string& reason) = 0;
  // Ends every wait, now and later.
  virtual void Stop() = 0;

  // Whether this learner leads the run: it alone has the policy evaluated, keeps models by
  // step, ends the run and writes its result.
  virtual bool leads_run() const = 0;
  // Whether there are no others: all of the run's env steps are this learner's, and all
  // that its folder holds.
  virtual bool makes_run_alone() const = 0;
  // Whether this learner may learn and publish: it has what the others have.
  virtual bool in_step() const = 0;
  // Of the others, as of the last average.
  virtual uint64_t others_env_steps() const = 0;
  // When Synchronize has something to do; InfiniteFuture: after a change.
  virtual absl::Time next_deadline() const = 0;
  // Whom this learner waits for while it is not in step, as a sentence.
  virtual std::string Waiting() const = 0;
  // Has `on_wait` called with whom an average waits for, in a sentence.
  virtual void set_on_wait(std::function<void(const std::string&)> on_wait) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICATION_H_
