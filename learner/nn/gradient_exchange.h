// Averages gradients over a learner's replicas before each optimiser step.
#ifndef ARMATURE_LEARNER_NN_GRADIENT_EXCHANGE_H_
#define ARMATURE_LEARNER_NN_GRADIENT_EXCHANGE_H_

#include <vector>

#include "ATen/core/Tensor.h"

namespace armature {

class GradientExchange {
 public:
  virtual ~GradientExchange() = default;
  // Replaces `gradients` (float32) with their averages over all replicas. Waits for the other
  // replicas; all must make these calls in the same order.
  virtual void Average(const std::vector<at::Tensor>& gradients) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_GRADIENT_EXCHANGE_H_
