#include "envserver/wrappers/observation_elements.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/observation_fields.h"

namespace armature {
namespace {

// Sets begin and end from "[2]" or "[2:5]". Returns false if it is neither.
bool ParseRange(absl::string_view text, ObservationElements::Run* run) {
  if (!absl::ConsumePrefix(&text, "[") || !absl::ConsumeSuffix(&text, "]")) return false;
  const std::vector<absl::string_view> ends = absl::StrSplit(text, ':');
  if (ends.size() > 2 || !absl::SimpleAtoi(ends[0], &run->begin)) return false;
  run->end = run->begin + 1;
  return ends.size() == 1 || absl::SimpleAtoi(ends[1], &run->end);
}

}  // namespace

ObservationElements::ObservationElements(const EnvSpec& spec, const std::string& key,
                                         const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const size_t bracket = std::min(name.find('['), name.size());
    Run run;
    run.field = FindField(spec, name.substr(0, bracket));
    const FieldSpec& field = spec.observation[run.field];
    run.dtype = field.dtype;
    run.end = field.size();
    if (bracket < name.size() && !ParseRange(absl::string_view(name).substr(bracket), &run)) {
      throw WrapperError(
          absl::StrCat(key, " has '", name, "'; expected FIELD, FIELD[2] or FIELD[2:5]"));
    }
    if (run.begin < 0 || run.begin >= run.end || run.end > field.size()) {
      throw WrapperError(absl::StrCat(key, " has '", name, "'; field '", field.name, "' has ",
                                      field.size(), " elements"));
    }
    if (!IsFloatField(field)) {
      throw WrapperError(
          absl::StrCat(key, " has '", name, "', which is neither float32 nor float64"));
    }
    size_ += run.end - run.begin;
    runs_.push_back(run);
  }
}

void ObservationElements::Read(Observation& observation, absl::Span<double> values) const {
  size_t next = 0;
  for (const Run& run : runs_) {
    const auto copy = [&](auto elements) {
      for (int64_t i = run.begin; i < run.end; ++i) values[next++] = elements[i];
    };
    if (run.dtype == v1::DTYPE_FLOAT64) {
      copy(observation.Field<double>(run.field));
    } else {
      copy(observation.Field<float>(run.field));
    }
  }
}

}  // namespace armature
