// Means of scalars, kept on the device until Take.
//
// Thread safety: none.
#ifndef ARMATURE_LEARNER_NN_SCALAR_MEANS_H_
#define ARMATURE_LEARNER_NN_SCALAR_MEANS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "c10/core/Device.h"

namespace armature {

// Means since the last Take, by TensorBoard tag, e.g. "train/critic_loss".
using Scalars = std::map<std::string, double>;

class ScalarMeans {
 public:
  ScalarMeans(std::vector<std::string> names, c10::Device device);

  // `values` has one float32 scalar, [], for each name.
  void Add(const std::vector<at::Tensor>& values);
  // Puts the means since the last Take into `scalars`, if there were any values. Waits for the
  // device.
  void Take(Scalars* scalars);
  // Names the first scalar that was not finite since the last Take, as "train/critic_loss is nan".
  // Empty if all were finite. Waits for the device.
  std::string NonFinite() const;

 private:
  const std::vector<std::string> names_;
  at::Tensor sums_;  // float64 [names]
  int64_t count_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_SCALAR_MEANS_H_
