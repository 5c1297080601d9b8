// Random draws on the host, with a state that a checkpoint can hold.
//
// Thread safety: none.
#ifndef ARMATURE_LEARNER_REPLAY_REPLAY_RANDOM_H_
#define ARMATURE_LEARNER_REPLAY_REPLAY_RANDOM_H_

#include <cstdint>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "absl/status/status.h"

namespace armature {

class ReplayRandom {
 public:
  explicit ReplayRandom(uint64_t seed);

  int64_t Index(int64_t count);  // Uniform over 0 .. count - 1; count >= 1.
  double Uniform();              // In [0, 1).

  at::Tensor State() const;  // uint8 [k], a copy.
  // Returns InvalidArgument if `state` does not have State's type and size.
  absl::Status Check(const at::Tensor& state) const;
  void Load(const at::Tensor& state);  // Requires Check.

 private:
  uint64_t Bits();

  at::Generator generator_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_REPLAY_RANDOM_H_
