// The keys that set parameters of the environment (EnvSpec::parameters): the curriculum, and the
// values of evaluations.
//
// Thread safety: plain values and free functions.
#ifndef ARMATURE_COMMON_RUN_CONFIG_PARAMETER_CONFIG_H_
#define ARMATURE_COMMON_RUN_CONFIG_PARAMETER_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/config/config.h"
#include "common/spec/env_spec.h"

namespace armature {

struct CurriculumSection {
  static constexpr char kAuto[] = "auto";
  static constexpr char kOff[] = "off";
  static constexpr char kSuccessRate[] = "success_rate";

  std::string parameter;
  std::string metric = kSuccessRate;
  int64_t episodes = 100;
  double raise_at = 0.8;
  std::string lower_at = kOff;
  double step = 0.1;
  std::string start = kAuto;
  std::string low = kAuto;
  std::string high = kAuto;

  void Visit(ConfigVisitor& v) {
    v.Field("parameter", parameter,
            "Of the environment, e.g. a difficulty; training's episodes begin with the present "
            "value of it. Empty: no curriculum.");
    v.Field("metric", metric,
            "What decides, over the last curriculum.episodes training episodes that began with the "
            "present value: success_rate, or return (their mean).",
            OneOf({kSuccessRate, "return"}));
    v.Field("episodes", episodes, "So many with the present value before it may change.",
            Between(1, 1000000));
    v.Field("raise_at", raise_at, "The value is raised where the metric is at least this.");
    v.Field("lower_at", lower_at,
            "The value is lowered where the metric is at most this, a number below "
            "curriculum.raise_at; off: never.");
    v.Field("step", step, "By how much it is raised or lowered.", MoreThan(0));
    v.Field("start", start, "The first value; auto: curriculum.low.");
    v.Field("low", low, "The lowest value; auto: the parameter's own limit.");
    v.Field("high", high, "The highest value; auto: the parameter's own limit.");
  }

  bool enabled() const { return !parameter.empty(); }
  // Returns InvalidArgument naming the key if a number is none, or lower_at is not below raise_at.
  absl::Status Validate() const;
};

// A curriculum in an environment.
struct CurriculumPlan {
  size_t parameter = 0;  // Index in the spec.
  double start = 0;
  double low = 0;
  double high = 0;
  std::optional<double> lower_at;
};
// Returns InvalidArgument if the environment has no such parameter (the message lists those that
// it has), does not report the success that the metric needs, or a value is out of the parameter's
// limits; the message names the key. `section` must be enabled and valid.
absl::StatusOr<CurriculumPlan> PlanCurriculum(const CurriculumSection& section, const EnvSpec& env);

// Reads numbers by name. Returns InvalidArgument, which begins with `key`, if one is none.
absl::StatusOr<std::map<std::string, double>> ReadParameters(
    const std::map<std::string, std::string>& written, absl::string_view key);

}  // namespace armature

#endif  // ARMATURE_COMMON_RUN_CONFIG_PARAMETER_CONFIG_H_
