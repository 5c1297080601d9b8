#include "envserver/wrappers/observation_fields.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envserver/wrappers/env_wrapper.h"

namespace armature {
namespace {

std::string FieldNames(const EnvSpec& spec) {
  return absl::StrJoin(spec.observation, ", ", [](std::string* out, const FieldSpec& field) {
    absl::StrAppend(out, field.name);
  });
}

bool CanChange(const EnvSpec& spec, int index, FieldKind kind) {
  const FieldSpec& field = spec.observation[index];
  return !IsGoalField(spec, field.name) && (kind == FieldKind::kAny || IsFloatField(field));
}

std::vector<absl::Span<uint8_t>> Spans(std::vector<std::vector<uint8_t>>& bytes) {
  std::vector<absl::Span<uint8_t>> spans;
  for (std::vector<uint8_t>& field : bytes) spans.push_back(absl::MakeSpan(field));
  return spans;
}

std::vector<std::vector<uint8_t>> Bytes(const std::vector<FieldSpec>& fields) {
  std::vector<std::vector<uint8_t>> bytes;
  for (const FieldSpec& field : fields) bytes.emplace_back(field.bytes());
  return bytes;
}

}  // namespace

bool IsGoalField(const EnvSpec& spec, absl::string_view name) {
  return spec.goal.has_value() &&
         (name == spec.goal->achieved_field || name == spec.goal->desired_field);
}

bool IsFloatField(const FieldSpec& field) {
  return field.dtype == v1::DTYPE_FLOAT32 || field.dtype == v1::DTYPE_FLOAT64;
}

int FindField(const EnvSpec& spec, absl::string_view name) {
  for (size_t i = 0; i < spec.observation.size(); ++i) {
    if (spec.observation[i].name == name) return static_cast<int>(i);
  }
  throw WrapperError(
      absl::StrCat(spec.id, " has no field '", name, "'; it has ", FieldNames(spec)));
}

void CheckField(const EnvSpec& spec, int index, FieldKind kind) {
  if (CanChange(spec, index, kind)) return;
  const std::string& name = spec.observation[index].name;
  throw WrapperError(IsGoalField(spec, name)
                         ? absl::StrCat("the field '", name,
                                        "' is a goal, and rewards are computed from goals as they "
                                        "are observed; name others")
                         : absl::StrCat("the field '", name, "' does not have float elements"));
}

std::vector<int> SelectFields(const EnvSpec& spec, const std::vector<std::string>& names,
                              FieldKind kind) {
  std::vector<int> fields;
  for (const std::string& name : names) {
    fields.push_back(FindField(spec, name));
    CheckField(spec, fields.back(), kind);
  }
  const int count = static_cast<int>(names.empty() ? spec.observation.size() : 0);
  for (int i = 0; i < count; ++i) {
    if (CanChange(spec, i, kind)) fields.push_back(i);
  }
  if (fields.empty()) {
    throw WrapperError(
        absl::StrCat("none of the fields of ", spec.id, " can be changed: ", FieldNames(spec)));
  }
  return fields;
}

ObservationMemory::ObservationMemory(const std::vector<FieldSpec>& fields)
    : bytes_(Bytes(fields)), observation_(Spans(bytes_)) {}

void ObservationMemory::CopyTo(Observation& to) const {
  for (size_t i = 0; i < bytes_.size(); ++i) {
    std::copy(bytes_[i].begin(), bytes_[i].end(), to.fields()[i].begin());
  }
}

}  // namespace armature
