#include "common/run_config/parameter_config.h"

#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

absl::StatusOr<double> ReadNumber(absl::string_view key, const std::string& written,
                                  absl::string_view instead = "") {
  double number = 0;
  if (absl::SimpleAtod(written, &number) && std::isfinite(number)) return number;
  return absl::InvalidArgumentError(
      absl::StrCat(key, ": expected a number", instead.empty() ? "" : absl::StrCat(" or ", instead),
                   ", got '", written, "'"));
}

absl::StatusOr<double> NumberOr(absl::string_view key, const std::string& written,
                                double automatic) {
  if (written == CurriculumSection::kAuto) return automatic;
  return ReadNumber(key, written, CurriculumSection::kAuto);
}

absl::Status CheckWithin(absl::string_view key, double value, absl::string_view of, double low,
                         double high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(key, "=", value, ", expected ", low, " .. ", high, " by ", of));
}

}  // namespace

absl::Status CurriculumSection::Validate() const {
  for (const auto& [key, written] : {std::pair("curriculum.start", &start),
                                     {"curriculum.low", &low},
                                     {"curriculum.high", &high}}) {
    if (absl::Status status = NumberOr(key, *written, 0).status(); !status.ok()) return status;
  }
  if (lower_at == kOff) return absl::OkStatus();
  const absl::StatusOr<double> lower = ReadNumber("curriculum.lower_at", lower_at, kOff);
  if (!lower.ok()) return lower.status();
  if (*lower < raise_at) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("curriculum.lower_at=", lower_at, " is not below curriculum.raise_at=", raise_at,
                   ": the value would be raised and lowered at once"));
}

absl::StatusOr<CurriculumPlan> PlanCurriculum(const CurriculumSection& section,
                                              const EnvSpec& env) {
  CurriculumPlan plan;
  while (plan.parameter < env.parameters.size() &&
         env.parameters[plan.parameter].name != section.parameter) {
    ++plan.parameter;
  }
  if (plan.parameter == env.parameters.size()) {
    const absl::Status unknown = ParameterValues(env, {{section.parameter, 0}}).status();
    return absl::InvalidArgumentError(absl::StrCat("curriculum.parameter: ", unknown.message()));
  }
  if (section.metric == CurriculumSection::kSuccessRate && !env.reports_success) {
    return absl::InvalidArgumentError(absl::StrCat(
        "curriculum.metric=success_rate, but ", env.id,
        " does not report success; set curriculum.metric=return and curriculum.raise_at"));
  }
  const ParameterSpec& parameter = env.parameters[plan.parameter];
  const absl::StatusOr<double> low = NumberOr("curriculum.low", section.low, parameter.low);
  const absl::StatusOr<double> high = NumberOr("curriculum.high", section.high, parameter.high);
  if (!low.ok()) return low.status();
  if (!high.ok()) return high.status();
  const absl::StatusOr<double> start = NumberOr("curriculum.start", section.start, *low);
  if (!start.ok()) return start.status();
  const std::string own = absl::StrCat("the parameter ", parameter.name);
  absl::Status status = CheckWithin("curriculum.low", *low, own, parameter.low, parameter.high);
  status.Update(
      CheckWithin("curriculum.high", *high, "curriculum.low and " + own, *low, parameter.high));
  status.Update(
      CheckWithin("curriculum.start", *start, "curriculum.low and curriculum.high", *low, *high));
  if (!status.ok()) return status;
  plan.start = *start;
  plan.low = *low;
  plan.high = *high;
  if (section.lower_at != CurriculumSection::kOff) {
    const absl::StatusOr<double> lower = ReadNumber("curriculum.lower_at", section.lower_at);
    if (!lower.ok()) return lower.status();
    plan.lower_at = *lower;
  }
  return plan;
}

absl::StatusOr<std::map<std::string, double>> ReadParameters(
    const std::map<std::string, std::string>& written, absl::string_view key) {
  std::map<std::string, double> values;
  for (const auto& [name, text] : written) {
    const absl::StatusOr<double> value = ReadNumber(absl::StrCat(key, ".", name), text);
    if (!value.ok()) return value.status();
    values[name] = *value;
  }
  return values;
}

}  // namespace armature
