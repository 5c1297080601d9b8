// The action distribution of HEAD_CATEGORICAL. The action's components are independent. Each has
// its own softmax over its own columns of the last layer's output.
//
// Shapes: C components with A choices in total; logits [.., A]; action [.., C], float32, holds the
// index of each component's choice.
// Thread safety: const methods.
#ifndef ARMATURE_COMMON_POLICY_CATEGORICAL_H_
#define ARMATURE_COMMON_POLICY_CATEGORICAL_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "c10/core/Device.h"
#include "proto/learner_service.pb.h"

namespace armature {

class Categorical {
 public:
  // `spec` must have HEAD_CATEGORICAL and be valid for PolicyNetwork::Create.
  Categorical(const v1::PolicySpec& spec, c10::Device device);

  int64_t components() const { return static_cast<int64_t>(choices_.size()); }

  // Log-probability of every choice within its component: [.., A] -> [.., A]. Differentiable.
  at::Tensor LogProbs(const at::Tensor& logits) const;
  // Log-probability of `action`, summed over its components: [..]. `log_probs` is from LogProbs.
  at::Tensor LogProb(const at::Tensor& action, const at::Tensor& log_probs) const;
  // 1 in the columns that `action` chooses, else 0: [.., C] -> [.., A].
  at::Tensor OneHot(const at::Tensor& action) const;
  // Puts the sum over each component into all of its columns: [.., A] -> [.., A].
  at::Tensor ComponentSums(const at::Tensor& values) const;

  // The most likely choice of each component, the first if tied: [.., A] -> [.., C].
  at::Tensor Mode(const at::Tensor& logits) const;
  // Samples by inverse CDF: takes the first choice whose cumulative probability exceeds its draw.
  // `draws` is [.., C], uniform in [0, 1).
  at::Tensor Draw(const at::Tensor& logits, const at::Tensor& draws) const;

 private:
  at::Tensor Columns(const at::Tensor& action) const;  // int64 [.., C]

  std::vector<int64_t> choices_;  // [C]
  at::Tensor offset_;             // int64 [C]: first column of each component.
};

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_CATEGORICAL_H_
