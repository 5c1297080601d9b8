// Describes an environment's interface. In-process form of the wire's EnvSpec; proto/spec.proto
// documents every member.
//
// Thread safety: plain values.
#ifndef ARMATURE_COMMON_SPEC_ENV_SPEC_H_
#define ARMATURE_COMMON_SPEC_ENV_SPEC_H_

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/spec/mirror.h"
#include "proto/spec.pb.h"

namespace armature {

// Returns the bytes of one element; 0 for DTYPE_UNSPECIFIED.
int64_t DTypeSize(v1::DType dtype);

struct FieldSpec {
  std::string name;
  v1::DType dtype = v1::DTYPE_FLOAT32;
  std::vector<int64_t> shape;  // Of one environment; empty: a scalar.
  std::vector<double> low;     // Empty, one value, or one per element.
  std::vector<double> high;

  int64_t size() const;  // Number of elements in one environment.
  int64_t bytes() const { return size() * DTypeSize(dtype); }
};

// A Box, a Discrete or a MultiDiscrete space. On the wire an action is size() floats: in the units
// of the bounds, or the index of each component's choice, counted from 0.
struct ActionSpec {
  std::vector<double> low;  // Box: bounds, one value per component.
  std::vector<double> high;
  std::vector<int64_t> choices;  // Discrete: one count; MultiDiscrete: one per component.
  // The shape that users see. Empty: a vector, or a scalar if there is one discrete component.
  std::vector<int64_t> shape;
  std::vector<int64_t> start;  // Value of each component's first choice; empty: 0.

  bool is_discrete() const { return !choices.empty(); }
  // True if users see one number instead of a vector: one discrete component without a shape.
  bool is_scalar() const { return choices.size() == 1 && shape.empty(); }
  // Number of components; each is one float.
  int64_t size() const { return static_cast<int64_t>(is_discrete() ? choices.size() : low.size()); }
  // Number of policy outputs: components of a Box, or the choices of all components together.
  int64_t policy_size() const;
  // Returns the space in words, for messages: "a Box of 3", "one of 4 choices",
  // "MultiDiscrete [3,2]".
  std::string ToString() const;
};

// Returns the position of the first value in `action` (rows of spec.size() floats) that is not a
// valid choice of its component; -1 if all are valid. (Multi)Discrete only.
int64_t FindBadChoice(const ActionSpec& spec, absl::Span<const float> action);

// Returns the position of the first value in `action` (rows of spec.size() floats) that is not
// within its component's bounds, rounded to float32; -1 if all are. A Box only.
int64_t FindOutOfBounds(const ActionSpec& spec, absl::Span<const float> action);

struct GoalSpec {
  std::string achieved_field;
  std::string desired_field;
  std::vector<FieldSpec> extra;  // float32; not observed.

  int64_t extra_size() const;  // Elements of all extra fields of one step.
};

struct MetricSpec {
  std::string name;
  v1::MetricSpec::Aggregation aggregation = v1::MetricSpec::AGGREGATION_SUM;
};

struct ParameterSpec {
  std::string name;
  double low = 0;
  double high = 1;
  double initial = 0;
};

struct RenderSpec {
  int64_t width_px = 0;
  int64_t height_px = 0;
};

struct EnvSpec {
  std::string id;
  std::vector<FieldSpec> observation;
  ActionSpec action;
  std::optional<GoalSpec> goal;
  int64_t horizon = 0;
  double control_period_s = 0;
  double reward_low = -std::numeric_limits<double>::infinity();
  double reward_high = std::numeric_limits<double>::infinity();
  std::optional<RenderSpec> render;
  bool reports_success = false;
  std::vector<MetricSpec> metrics;
  std::vector<ParameterSpec> parameters;
  bool saves_state = false;
  bool has_scene = false;
  std::optional<MirrorSpec> mirror;
  bool reports_executed_action = false;

  // Number of elements in one observation: all fields flattened and joined in order.
  int64_t observation_size() const;

  // Returns InvalidArgument if a member breaks proto/spec.proto's rules; the message names it.
  absl::Status Validate() const;

  // Writes a bound of -0 as 0.
  v1::EnvSpec ToProto() const;
  // Returns Validate's errors.
  static absl::StatusOr<EnvSpec> FromProto(const v1::EnvSpec& proto);
};

// Returns the parameters' values in the spec's order: `values` by name, the others initial.
// Returns InvalidArgument if the spec has no such parameter (the message lists those there are), or
// a value is out of its limits.
absl::StatusOr<std::vector<double>> ParameterValues(const EnvSpec& spec,
                                                    const std::map<std::string, double>& values);

// Hashes the spec's deterministic wire form, without pictures, scene, saved states and mirror (see
// proto/spec.proto), with FNV-1a (64 bit); never 0.
uint64_t SpecHash(const EnvSpec& spec);

// Returns the first member in which two specs differ, as one sentence with both values; empty if
// they are equal.
std::string DescribeDifference(const EnvSpec& expected, const EnvSpec& actual);

}  // namespace armature

#endif  // ARMATURE_COMMON_SPEC_ENV_SPEC_H_
