#ifndef ARMATURE_COMMON_POLICY_NAMED_TENSORS_H_
#define ARMATURE_COMMON_POLICY_NAMED_TENSORS_H_

#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"

namespace armature {

// Named tensors in a fixed order.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_NAMED_TENSORS_H_
