// Means of scalars that stay on the device until they are taken.
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

// Means since they were last taken, by TensorBoard tag, e.g. "train/critic_loss".
using Scalars = std::map<std::string, double>;

class ScalarMeans {
 public:
  ScalarMeans(std::vector<std::string> names, c10::Device device);

  // One float32 scalar, [], a name.
  void Add(const std::vector<at::Tensor>& values);
  // Puts the means since the last Take into `scalars`; nothing if there are none.
  // Waits for the device.
  void Take(Scalars* scalars);
  // The first that was not finite since the last Take, as "train/critic_loss is nan";
  // empty: none. Waits for the device.
  std::string NonFinite() const;

 private:
  const std::vector<std::string> names_;
  at::Tensor sums_;  // float64 [names]
  int64_t count_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_SCALAR_MEANS_H_
