// Experience and the algorithm that learns from it, off-policy or on-policy, as
// the trainer sees them.
//
// Thread safety: none; one trainer thread owns a core.
#ifndef ARMATURE_LEARNER_TRAINING_LEARNING_CORE_H_
#define ARMATURE_LEARNER_TRAINING_LEARNING_CORE_H_

#include <cstdint>
#include <map>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "common/policy/named_tensors.h"
#include "learner/algorithms/algorithm.h"
#include "learner/intake/actor_key.h"
#include "proto/learner_service.pb.h"

namespace armature {

class LearningCore {
 public:
  // What is held for learning.
  struct Holding {
    int64_t transitions = 0;
    int64_t bytes = 0;
    double fill_ratio = 0;
  };

  virtual ~LearningCore() = default;

  virtual Algorithm& algorithm() = 0;
  virtual Holding holding() const = 0;
  // One line about memory, for the log.
  virtual std::string Describe() const = 0;

  virtual bool CanInsert(int64_t steps) const = 0;
  // Stores a batch that CheckExperience has accepted.
  // OK; FailedPrecondition: not stored, it is too old to learn from;
  // InvalidArgument: not stored, it holds a value that the storage cannot.
  virtual absl::Status Insert(const ActorKey& actor, const v1::ExperienceBatch& batch) = 0;

  // An update is one gradient step (off-policy) or all epochs over a set
  // (on-policy); `progress` in [0, 1] is how much of the run is done.
  virtual bool CanUpdate() const = 0;
  // OK; DataLoss: a loss or what was learned is not finite any more (named): this was the
  // last update; otherwise nothing was updated and the message says why; try again later.
  virtual absl::Status Update(double progress) = 0;
  // What the last update learned from, by name; none: there was no update.
  virtual NamedTensors LastBatch() const = 0;

  // Whether all that was learned and every loss of late is finite. Waits for the device
  // and reads all weights once: for when they are read anyway.
  // OK; DataLoss: names the first that is not.
  absl::Status CheckFinite();

  // Whether new weights are to be published now; OnPublished says they were.
  virtual bool PublishDue(uint64_t env_steps) const = 0;
  virtual void OnPublished(uint64_t version) = 0;

  // Why one side waits, as a sentence; empty: it does not. `steps`: of the next
  // batch.
  virtual std::string WhyNoUpdate() const = 0;
  virtual std::string WhyNoInsert(int64_t steps) const = 0;

  // All that the next update depends on; the experience itself if asked for.
  virtual NamedTensors State(bool with_experience) const = 0;
  // OK; InvalidArgument: a tensor is missing or does not fit (named). Experience
  // may be missing.
  virtual absl::Status LoadState(const std::map<std::string, at::Tensor>& state) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_LEARNING_CORE_H_
