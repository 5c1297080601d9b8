// The trainer's interface to experience and the algorithm that learns from it, off-policy or
// on-policy.
//
// Thread safety: none; one trainer thread owns a core.
#ifndef ARMATURE_LEARNER_TRAINING_LEARNING_CORE_H_
#define ARMATURE_LEARNER_TRAINING_LEARNING_CORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "common/policy/named_tensors.h"
#include "learner/algorithms/algorithm.h"
#include "learner/intake/actor_key.h"
#include "learner/replay/row_snapshot.h"
#include "proto/learner_service.pb.h"

namespace armature {

class LearningCore {
 public:
  // Experience held for learning.
  struct Holding {
    int64_t transitions = 0;
    int64_t bytes = 0;
    double fill_ratio = 0;
  };

  virtual ~LearningCore() = default;

  virtual Algorithm& algorithm() = 0;
  virtual Holding holding() const = 0;
  // One line about memory use, for the log.
  virtual std::string Describe() const = 0;

  virtual bool CanInsert(int64_t steps) const = 0;
  // Stores a batch that CheckExperience has accepted. Otherwise returns FailedPrecondition if it is
  // too old to learn from, or InvalidArgument if it has a value that cannot be stored.
  virtual absl::Status Insert(const ActorKey& actor, const v1::ExperienceBatch& batch) = 0;

  // An update is one gradient step (off-policy) or all epochs over a set
  // (on-policy); `progress` in [0, 1] is how much of the run is done.
  virtual bool CanUpdate() const = 0;
  // Returns DataLoss if a loss or something learned is no longer finite (named); this was the last
  // update. With any other error nothing was updated; the message says why; try again later.
  virtual absl::Status Update(double progress) = 0;
  // The data of the last update, by name; empty if there was no update.
  virtual NamedTensors LastBatch() const = 0;

  // Checks that everything learned and every recent loss is finite. Waits for the device and reads
  // all weights: call it when they are read anyway. Returns DataLoss naming the first that is not
  // finite.
  absl::Status CheckFinite();

  // Whether to publish new weights now. Call OnPublished afterwards.
  virtual bool PublishDue(uint64_t env_steps) const = 0;
  virtual void OnPublished(uint64_t version) = 0;

  // Why this side must wait, as a sentence; empty if it need not. `steps` is the size of the next
  // batch.
  virtual std::string WhyNoUpdate() const = 0;
  virtual std::string WhyNoInsert(int64_t steps) const = 0;

  // All that the next update depends on, as it is now; later updates do not change it.
  struct Snapshot {
    NamedTensors state;                 // Without the replay's rows.
    std::shared_ptr<RowSnapshot> rows;  // Null if there is no replay.
  };
  // `with_experience` adds the experience. Cancels the reading of rows of the snapshot before.
  Snapshot TakeSnapshot(bool with_experience);
  // Returns InvalidArgument if a tensor is missing or does not fit (named). Experience may be
  // missing.
  absl::Status LoadState(const std::map<std::string, at::Tensor>& state);

 protected:
  // The part of the state that is experience. None, if it would be too old for a resumed run.
  virtual Snapshot SnapshotExperience() { return {}; }
  // Returns LoadState's errors.
  virtual absl::Status LoadExperience(const std::map<std::string, at::Tensor>& /*state*/) {
    return absl::OkStatus();
  }
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_LEARNING_CORE_H_
