// The trainer's interface to an algorithm. Each algorithm is one file that reads from top to
// bottom; see sac.h and ppo.h.
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

  // Gradient steps since the start of the run.
  virtual int64_t learner_steps() const = 0;

  // Returns the means since the last call. Waits for the device.
  virtual Scalars TakeScalars() = 0;
  // Names the first scalar that was not finite since the last TakeScalars, as "train/critic_loss is
  // nan". Empty if all were finite. Waits for the device; costs next to nothing on a CPU.
  virtual std::string NonFiniteScalar() const = 0;

  // Everything the next update depends on: parameters, targets, optimiser moments and step counts,
  // temperature, normaliser, generator state. Names are unique. Tensors may share memory with the
  // algorithm.
  virtual NamedTensors State() const = 0;
  // Returns InvalidArgument, and changes nothing, if a name is missing or a shape or dtype differs
  // (the message names it). The generator's state may be missing or from another kind of device;
  // see LoadGenerator (state.h).
  virtual absl::Status LoadState(const std::map<std::string, at::Tensor>& state) = 0;

  // Passes every later gradient through `exchange` before the optimiser uses it. `exchange` must
  // outlive the updates.
  virtual void set_gradient_exchange(GradientExchange* exchange) = 0;
};

class OffPolicyAlgorithm : public Algorithm {
 public:
  // Adds new raw observations [n, D] to the running normaliser, if there is one.
  virtual void ObserveNew(const at::Tensor& observation) = 0;
  // One gradient step; `progress` in [0, 1] is how much of the run is done.
  virtual void Update(const TransitionSample& sample, double progress) = 0;
  // |Q_j(s, a) - y| in the last Update, averaged over the critics; [B], on the device.
  virtual at::Tensor TemporalDifferences() const = 0;
};

class OnPolicyAlgorithm : public Algorithm {
 public:
  // Runs all epochs over one set; `progress` in [0, 1] is how much of the run is done.
  virtual void Update(const TrajectorySet& set, double progress) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_ALGORITHM_H_
