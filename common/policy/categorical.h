// The distribution of HEAD_CATEGORICAL: for each component of the action a softmax over
// columns of its own of the last layer's output, independent of the others.
//
// Shapes: C components, A choices of all of them: logits [.., A]; an action [.., C],
// float32, the index of each component's choice.
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
  // `spec` is one that PolicyNetwork::Create accepts, of HEAD_CATEGORICAL.
  Categorical(const v1::PolicySpec& spec, c10::Device device);

  int64_t components() const { return static_cast<int64_t>(choices_.size()); }

  // log p of every choice within its component: [.., A] -> [.., A]. Differentiable.
  at::Tensor LogProbs(const at::Tensor& logits) const;
  // Of `action`, the sum over its components; `log_probs` are LogProbs': [..].
  at::Tensor LogProb(const at::Tensor& action, const at::Tensor& log_probs) const;
  // 1 in the columns that `action` has chosen, else 0: [.., C] -> [.., A].
  at::Tensor OneHot(const at::Tensor& action) const;
  // In every column the sum over its component: [.., A] -> [.., A].
  at::Tensor ComponentSums(const at::Tensor& values) const;

  // The likeliest choice of each component, the first of equals: [.., A] -> [.., C].
  at::Tensor Mode(const at::Tensor& logits) const;
  // The first choice at which the cumulated probability passes `draws`, [.., C], uniform
  // in [0, 1).
  at::Tensor Draw(const at::Tensor& logits, const at::Tensor& draws) const;

 private:
  at::Tensor Columns(const at::Tensor& action) const;  // int64 [.., C]

  std::vector<int64_t> choices_;  // [C]
  at::Tensor offset_;             // int64 [C]: each component's first column.
};

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_CATEGORICAL_H_
