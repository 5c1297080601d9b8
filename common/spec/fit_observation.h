#ifndef ARMATURE_COMMON_SPEC_FIT_OBSERVATION_H_
#define ARMATURE_COMMON_SPEC_FIT_OBSERVATION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/spec/env_spec.h"

namespace armature {

// Where each element of an observation that `wanted` describes, flattened, stands in
// one of `offered`: fields are found by name, whatever their order; others of `offered`
// are left out. Their dtypes and bounds may differ.
// OK; FailedPrecondition: a field is missing or has another shape (named).
absl::StatusOr<std::vector<int64_t>> FitObservation(const EnvSpec& wanted, const EnvSpec& offered);

}  // namespace armature

#endif  // ARMATURE_COMMON_SPEC_FIT_OBSERVATION_H_
