// Where gradients of several replicas of a learner meet before each optimiser step.
#ifndef ARMATURE_LEARNER_NN_GRADIENT_EXCHANGE_H_
#define ARMATURE_LEARNER_NN_GRADIENT_EXCHANGE_H_

#include <vector>

#include "ATen/core/Tensor.h"

namespace armature {

class GradientExchange {
 public:
  virtual ~GradientExchange() = default;
  // Replaces `gradients` by their means over all replicas, which call it in the same
  // order; waits for them. float32.
  virtual void Average(const std::vector<at::Tensor>& gradients) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_GRADIENT_EXCHANGE_H_
