#include "common/spec/fit_observation.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace armature {
namespace {

std::string Shape(const FieldSpec& field) {
  return absl::StrCat("[", absl::StrJoin(field.shape, ", "), "]");
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> FitObservation(const EnvSpec& wanted, const EnvSpec& offered) {
  std::vector<int64_t> columns;
  for (const FieldSpec& field : wanted.observation) {
    int64_t begin = 0;
    const FieldSpec* found = nullptr;
    for (const FieldSpec& candidate : offered.observation) {
      if (candidate.name == field.name) {
        found = &candidate;
        break;
      }
      begin += candidate.size();
    }
    if (found == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("observation field '", field.name, "' is missing"));
    }
    if (found->shape != field.shape) {
      return absl::FailedPreconditionError(absl::StrCat("observation field '", field.name,
                                                        "' is of shape ", Shape(*found),
                                                        ", expected ", Shape(field)));
    }
    for (int64_t i = 0; i < field.size(); ++i) columns.push_back(begin + i);
  }
  return columns;
}

}  // namespace armature
