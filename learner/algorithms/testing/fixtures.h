// Helpers shared by the algorithms' tests. For tests only.
#ifndef ARMATURE_LEARNER_ALGORITHMS_TESTING_FIXTURES_H_
#define ARMATURE_LEARNER_ALGORITHMS_TESTING_FIXTURES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "learner/algorithms/algorithm.h"
#include "nlohmann/json.hpp"
#include "proto/learner_service.pb.h"

namespace armature {

// ReLU, without a normaliser.
v1::PolicySpec MakeSpec(v1::PolicySpec::Head head, int64_t observation_size, int64_t action_size,
                        const std::vector<int64_t>& hidden_sizes);

// Returns the algorithm's state by name, sharing memory. Fails the test if a name occurs twice.
std::map<std::string, at::Tensor> StateMap(const Algorithm& algorithm);

// Observations and rewards are standard normal; a fifth of the steps are terminated; discounts are
// 0.99, weights in (0, 1].
TransitionSample RandomSample(int64_t batch_size, const v1::PolicySpec& spec,
                              at::Generator generator);

// 64 steps of a point on a line, D = A = 1: x' = x + 0.2 a, reward -|x'|, with x and a uniform in
// [-1, 1]. Every step is truncated; the next starts from a new x. Discount 0.9.
TransitionSample PointSample(at::Generator generator);
// Returns the largest distance from 0 after ten deterministic steps, over 41 starting points.
double PointDistance(const PolicyNetwork& policy);

// Golden values from make_golden.py's off-policy cases.
v1::PolicySpec GoldenSpec(const nlohmann::json& golden, v1::PolicySpec::Head head);
TransitionSample GoldenSample(const nlohmann::json& update);
// Sets the policy, the critics, their targets and the normaliser.
void SetGoldenState(const nlohmann::json& golden, const Algorithm& algorithm);

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_TESTING_FIXTURES_H_
