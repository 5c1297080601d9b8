#include "learner/algorithms/signed_columns.h"

#include "ATen/ATen.h"

namespace armature {

SignedColumns::SignedColumns(const SignedPermutation& permutation, c10::Device device)
    : source_(at::tensor(permutation.source, at::kLong).to(device)),
      sign_(at::tensor(permutation.sign, at::kLong).to(device, at::kFloat)) {}

at::Tensor SignedColumns::Mirror(const at::Tensor& rows) const {
  return rows.index_select(-1, source_) * sign_;
}

}  // namespace armature
