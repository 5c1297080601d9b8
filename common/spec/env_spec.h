// What an environment looks like from outside: the in-process form of the wire's
// EnvSpec (proto/spec.proto), which documents every member.
//
// Thread safety: plain values.
#ifndef ARMATURE_COMMON_SPEC_ENV_SPEC_H_
#define ARMATURE_COMMON_SPEC_ENV_SPEC_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/spec.pb.h"

namespace armature {

// Bytes of one element; 0 for DTYPE_UNSPECIFIED.
int64_t DTypeSize(v1::DType dtype);

struct FieldSpec {
  std::string name;
  v1::DType dtype = v1::DTYPE_FLOAT32;
  std::vector<int64_t> shape;  // Of one environment. Empty: a scalar.
  std::vector<double> low;     // Empty, one value, or one an element.
  std::vector<double> high;

  int64_t size() const;  // Elements of one environment.
  int64_t bytes() const { return size() * DTypeSize(dtype); }
};

// A Box, a Discrete or a MultiDiscrete. An action travels as size() floats: in the units
// of the bounds, or the index of each component's choice, counted from 0.
struct ActionSpec {
  std::vector<double> low;  // Box: bounds, one value a component.
  std::vector<double> high;
  std::vector<int64_t> choices;  // Discrete: one count; MultiDiscrete: one a component.
  // How users see it. Empty: a vector, or for a single component of choices a scalar.
  std::vector<int64_t> shape;
  std::vector<int64_t> start;  // The first choice of each component; empty: 0.

  bool is_discrete() const { return !choices.empty(); }
  // Components, of one float each.
  int64_t size() const { return static_cast<int64_t>(is_discrete() ? choices.size() : low.size()); }
  // Outputs a policy needs: components of a Box, or the choices of all components.
  int64_t policy_size() const;
  // The space in words, for messages: "a Box of 3", "one of 4 choices",
  // "MultiDiscrete [3,2]".
  std::string ToString() const;
};

// The place of the first value of `action`, rows of spec.size() floats, that is no choice of
// its component; -1: there is none. Of a (Multi)Discrete.
int64_t FindBadChoice(const ActionSpec& spec, absl::Span<const float> action);

struct GoalSpec {
  std::string achieved_field;
  std::string desired_field;
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

  // Elements of one observation, all fields flattened and joined in order.
  int64_t observation_size() const;

  // OK; InvalidArgument names the member that breaks proto/spec.proto's rules.
  absl::Status Validate() const;

  // A bound of -0 is written as 0.
  v1::EnvSpec ToProto() const;
  // As Validate.
  static absl::StatusOr<EnvSpec> FromProto(const v1::EnvSpec& proto);
};

// FNV-1a (64 bit) of the spec's deterministic wire form; never 0.
uint64_t SpecHash(const EnvSpec& spec);

// The first member in which two specs differ, as one sentence with both values;
// empty when they are equal.
std::string DescribeDifference(const EnvSpec& expected, const EnvSpec& actual);

}  // namespace armature

#endif  // ARMATURE_COMMON_SPEC_ENV_SPEC_H_
