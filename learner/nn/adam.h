// Adam (Kingma and Ba 2014, arXiv:1412.6980) over a few flat buffers. Computes what
// torch.optim.Adam does, with one fused kernel per step and no wait for the device.
//
// Thread safety: none.
#ifndef ARMATURE_LEARNER_NN_ADAM_H_
#define ARMATURE_LEARNER_NN_ADAM_H_

#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "common/policy/named_tensors.h"
#include "learner/nn/gradient_exchange.h"

namespace armature {

class Adam {
 public:
  static constexpr double kDefaultEpsilon = 1e-8;  // torch.optim.Adam's.

  // Updates `parameters` in place from `gradients`, which have the same shapes.
  Adam(std::vector<at::Tensor> parameters, std::vector<at::Tensor> gradients, double epsilon);

  // Averages the gradients over the replicas if there is an exchange. Call it before Step and
  // before using the gradients' norm.
  void AverageGradients();
  void Step(double learning_rate);
  // The same with a rate on the device: float32 [].
  void Step(const at::Tensor& learning_rate);

  // Null (the initial value) if this learner has no replicas.
  void set_gradient_exchange(GradientExchange* exchange) { exchange_ = exchange; }

  // "<prefix>.<i>.moment1", ".moment2" and ".steps"; they share memory with this object.
  NamedTensors State(const std::string& prefix) const;

 private:
  const double epsilon_;
  GradientExchange* exchange_ = nullptr;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> gradients_;
  std::vector<at::Tensor> moment1_;
  std::vector<at::Tensor> moment2_;
  std::vector<at::Tensor> steps_;  // float32 []
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_ADAM_H_
