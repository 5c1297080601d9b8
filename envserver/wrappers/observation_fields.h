// The fields of an observation, for wrappers: which ones, their elements, and memory for them.
//
// Errors: WrapperError for names that the spec does not have, or that a wrapper must leave alone.
// Thread safety: none needed.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_OBSERVATION_FIELDS_H_
#define ARMATURE_ENVSERVER_WRAPPERS_OBSERVATION_FIELDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/spec/env_spec.h"
#include "envserver/env/env.h"
#include "envserver/kit/state_archive.h"

namespace armature {

bool IsGoalField(const EnvSpec& spec, absl::string_view name);
bool IsFloatField(const FieldSpec& field);

// Returns the index of the field `name`. Throws WrapperError, which lists those there are.
int FindField(const EnvSpec& spec, absl::string_view name);

// Which fields a wrapper can change.
enum class FieldKind { kAny, kFloat };  // Any dtype; float32 and float64.

// Throws WrapperError if the wrapper cannot change this field, since it is a goal (rewards are
// computed from goals as they are observed) or of another kind.
void CheckField(const EnvSpec& spec, int index, FieldKind kind);

// Returns the indices of the fields `names`, or of all that can be changed if there are no names.
// Throws WrapperError as CheckField, or if none is left.
std::vector<int> SelectFields(const EnvSpec& spec, const std::vector<std::string>& names,
                              FieldKind kind);

// Calls visit(absl::Span<float>) or visit(absl::Span<double>) with the elements of a float field.
template <typename Visit>
void VisitFloats(const FieldSpec& field, int index, Observation& observation, Visit visit) {
  if (field.dtype == v1::DTYPE_FLOAT64) {
    visit(observation.Field<double>(index));
  } else {
    visit(observation.Field<float>(index));
  }
}

// Memory for an observation, for wrappers whose inner environment has other fields than they.
class ObservationMemory {
 public:
  explicit ObservationMemory(const std::vector<FieldSpec>& fields);
  ObservationMemory(const ObservationMemory&) = delete;
  ObservationMemory& operator=(const ObservationMemory&) = delete;

  Observation& observation() { return observation_; }
  absl::Span<const uint8_t> field(int index) const { return bytes_[index]; }
  // Copies all fields to the first ones of `to`.
  void CopyTo(Observation& to) const;

 private:
  std::vector<std::vector<uint8_t>> bytes_;  // By field.
  Observation observation_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_OBSERVATION_FIELDS_H_
