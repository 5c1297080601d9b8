// Takes each row's mirror image: column i of the result is sign[i] times column source[i].
//
// Thread safety: const methods.
#ifndef ARMATURE_LEARNER_ALGORITHMS_SIGNED_COLUMNS_H_
#define ARMATURE_LEARNER_ALGORITHMS_SIGNED_COLUMNS_H_

#include "ATen/core/Tensor.h"
#include "c10/core/Device.h"
#include "common/spec/mirror.h"

namespace armature {

class SignedColumns {
 public:
  // `permutation` is one that CheckMirror has accepted.
  SignedColumns(const SignedPermutation& permutation, c10::Device device);

  // [..., n] -> [..., n]
  at::Tensor Mirror(const at::Tensor& rows) const;

 private:
  at::Tensor source_;  // [n], int64
  at::Tensor sign_;    // [n], float32
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_SIGNED_COLUMNS_H_
