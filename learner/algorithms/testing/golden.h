// Reads golden values from testdata/ as tensors. For tests only.
#ifndef ARMATURE_LEARNER_ALGORITHMS_TESTING_GOLDEN_H_
#define ARMATURE_LEARNER_ALGORITHMS_TESTING_GOLDEN_H_

#include <string>

#include "ATen/core/Tensor.h"
#include "nlohmann/json.hpp"
#include "proto/learner_service.pb.h"

namespace armature {

// Reads testdata/<name>, which must be in the test's data.
nlohmann::json ReadGolden(const std::string& name);

// Converts {"shape": [..], "values": [..]} to float32.
at::Tensor GoldenTensor(const nlohmann::json& golden);

// `name` is "relu", "leaky_relu", ..
v1::PolicySpec::Activation GoldenActivation(const std::string& name);

// Says where and by how much the tensors differ by more than 1e-5 + 1e-4 |expected|; empty if they
// do not.
std::string GoldenDifference(const at::Tensor& actual, const nlohmann::json& expected);

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_TESTING_GOLDEN_H_
