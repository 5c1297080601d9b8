// What the trainer sees of an algorithm. Each algorithm is one file, readable top
// to bottom; see sac.h and ppo.h.
//
// Thread safety: none; one trainer thread owns an algorithm.
#ifndef ARMATURE_LEARNER_ALGORITHMS_ALGORITHM_H_
#define ARMATURE_LEARNER_ALGORITHMS_ALGORITHM_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "common/policy/policy_network.h"
#include "learner/nn/gradient_exchange.h"
#include "learner/nn/scalar_means.h"
#include "learner/replay/samples.h"

namespace armature {

class Algorithm {
 public:
  virtual ~Algorithm() = default;

  // The policy that is published, evaluated and saved.
  virtual const PolicyNetwork& policy() const = 0;

  // Gradient steps taken since the beginning of the run.
  virtual int64_t learner_steps() const = 0;

  // Takes the means gathered since the last call; waits for the device.
  virtual Scalars TakeScalars() = 0;
  // The first of these that was not finite since the last call, as "train/critic_loss is
  // nan"; empty: all were. Waits for the device; costs next to nothing on a CPU.
  virtual std::string NonFiniteScalar() const = 0;

  // Everything that the next update depends on: parameters, targets, optimiser
  // moments and step counts, temperature, normaliser, generator state. Names are
  // unique; tensors may share memory with the algorithm.
  virtual NamedTensors State() const = 0;
  // OK; InvalidArgument: a name is missing or a shape or dtype differs (named);
  // nothing is changed then. For the generator's see LoadGenerator (state.h): it may be
  // missing, or of another kind of device.
  virtual absl::Status LoadState(const std::map<std::string, at::Tensor>& state) = 0;

  // From here on every gradient goes through `exchange`, which must outlive the
  // updates, before the optimiser steps along it.
  virtual void set_gradient_exchange(GradientExchange* exchange) = 0;
};

class OffPolicyAlgorithm : public Algorithm {
 public:
  // Takes new raw observations [n, D] into the running normaliser, if there is one.
  virtual void ObserveNew(const at::Tensor& observation) = 0;
  // One gradient step; `progress` in [0, 1] is how much of the run is done.
  virtual void Update(const TransitionSample& sample, double progress) = 0;
  // |Q_j(s, a) - y| of the last Update, mean over the critics; [B], on the device.
  virtual at::Tensor TemporalDifferences() const = 0;
};

class OnPolicyAlgorithm : public Algorithm {
 public:
  // All epochs over one set; `progress` in [0, 1] is how much of the run is done.
  virtual void Update(const TrajectorySet& set, double progress) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_ALGORITHM_H_
