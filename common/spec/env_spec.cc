#include "common/spec/env_spec.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/message_differencer.h"

namespace armature {
namespace {

constexpr int64_t kFieldSizeMax = 1 << 26;
constexpr int64_t kChoicesMax = 1 << 20;  // float32 can hold each index exactly.

// Turns -0 into 0, so that equal bounds have the same wire form and hash.
double WithoutNegativeZero(double bound) { return bound + 0.0; }

void AddBounds(const std::vector<double>& bounds, google::protobuf::RepeatedField<double>* out) {
  for (double bound : bounds) out->Add(WithoutNegativeZero(bound));
}

absl::Status CheckBounds(const FieldSpec& field) {
  for (const std::vector<double>* bounds : {&field.low, &field.high}) {
    const int64_t count = static_cast<int64_t>(bounds->size());
    if (count != 0 && count != 1 && count != field.size()) {
      return absl::InvalidArgumentError(absl::StrCat("field '", field.name, "' has ", count,
                                                     " bounds; expected 0, 1 or ", field.size()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDiscrete(const ActionSpec& action) {
  const bool scalar = action.is_scalar();
  int64_t sum = 0;
  for (size_t i = 0; i < action.choices.size(); ++i) {
    const int64_t least = scalar ? 2 : 1;
    if (action.choices[i] < least || action.choices[i] > kChoicesMax) {
      return absl::InvalidArgumentError(
          absl::StrCat(scalar ? "action.discrete.count" : "action.multi_discrete.count",
                       scalar ? "" : absl::StrCat("[", i, "]"), " is ", action.choices[i],
                       ", expected ", least, " .. ", kChoicesMax));
    }
    sum += action.choices[i];
  }
  if (sum > kChoicesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("action has ", sum, " choices, expected at most ", kChoicesMax));
  }
  if (!action.start.empty() && action.start.size() != action.choices.size()) {
    return absl::InvalidArgumentError(absl::StrCat("action.start has ", action.start.size(),
                                                   " values for ", action.choices.size(),
                                                   " components"));
  }
  return absl::OkStatus();
}

absl::Status CheckBox(const ActionSpec& action) {
  if (action.low.empty() || action.low.size() != action.high.size()) {
    return absl::InvalidArgumentError(absl::StrCat("action.box has ", action.low.size(),
                                                   " lower and ", action.high.size(),
                                                   " upper bounds; expected as many, at least 1"));
  }
  for (size_t i = 0; i < action.low.size(); ++i) {
    if (!std::isfinite(action.low[i]) || !std::isfinite(action.high[i]) ||
        action.low[i] >= action.high[i]) {
      return absl::InvalidArgumentError(absl::StrCat("action.box[", i, "] has bounds [",
                                                     action.low[i], ", ", action.high[i],
                                                     "]; expected finite, low < high"));
    }
  }
  if (!action.start.empty()) {
    return absl::InvalidArgumentError("action.start is given, but the action is a Box");
  }
  return absl::OkStatus();
}

absl::Status CheckAction(const ActionSpec& action) {
  absl::Status status = action.is_discrete() ? CheckDiscrete(action) : CheckBox(action);
  if (!status.ok() || action.shape.empty()) return status;
  int64_t product = 1;
  for (int64_t extent : action.shape) {
    product = extent < 1 || extent > action.size() ? 0 : product * extent;
    if (product < 1 || product > action.size()) break;
  }
  if (product != action.size()) {
    return absl::InvalidArgumentError(absl::StrCat("action.shape is [",
                                                   absl::StrJoin(action.shape, ","), "] for ",
                                                   action.size(), " components"));
  }
  return absl::OkStatus();
}

// Drops the shape of a vector, so that equal actions have the same wire form and hash.
bool IsVector(const ActionSpec& action) { return action.shape.size() < 2; }

v1::ActionSpec ActionToProto(const ActionSpec& action) {
  v1::ActionSpec proto;
  if (!action.is_discrete()) {
    v1::BoxSpec* box = proto.mutable_box();
    box->set_size(action.low.size());
    AddBounds(action.low, box->mutable_low());
    AddBounds(action.high, box->mutable_high());
  } else if (action.is_scalar()) {
    proto.mutable_discrete()->set_count(action.choices[0]);
  } else {
    proto.mutable_multi_discrete()->mutable_count()->Add(action.choices.begin(),
                                                         action.choices.end());
  }
  if (!IsVector(action)) proto.mutable_shape()->Add(action.shape.begin(), action.shape.end());
  const auto is_zero = [](int64_t start) { return start == 0; };
  if (!std::all_of(action.start.begin(), action.start.end(), is_zero)) {
    proto.mutable_start()->Add(action.start.begin(), action.start.end());
  }
  return proto;
}

// Lower-case letters, digits and '_', with '/' between parts.
bool IsReportName(const std::string& name) {
  bool after_letter = false;
  for (char c : name) {
    const bool is_separator = c == '/';
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '_' && !is_separator) {
      return false;
    }
    if (is_separator && !after_letter) return false;
    after_letter = !is_separator;
  }
  return after_letter;
}

absl::Status CheckReportName(const EnvSpec& spec, absl::string_view kind, const std::string& name,
                             std::set<std::string>* names) {
  if (!IsReportName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(spec.id, ": ", kind, " name '", name,
                     "' is not made of a-z, 0-9 and _, with / between parts"));
  }
  if (!names->insert(name).second) {
    return absl::InvalidArgumentError(
        absl::StrCat(spec.id, ": ", kind, " '", name, "' is named twice"));
  }
  return absl::OkStatus();
}

absl::Status CheckMetrics(const EnvSpec& spec) {
  std::set<std::string> names;
  for (const MetricSpec& metric : spec.metrics) {
    absl::Status status = CheckReportName(spec, "metric", metric.name, &names);
    if (!status.ok()) return status;
    if (metric.aggregation == v1::MetricSpec::AGGREGATION_UNSPECIFIED ||
        !v1::MetricSpec::Aggregation_IsValid(metric.aggregation)) {
      return absl::InvalidArgumentError(
          absl::StrCat(spec.id, ": metric '", metric.name, "' has no aggregation"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckParameters(const EnvSpec& spec) {
  std::set<std::string> names;
  for (const ParameterSpec& parameter : spec.parameters) {
    absl::Status status = CheckReportName(spec, "parameter", parameter.name, &names);
    if (!status.ok()) return status;
    if (!std::isfinite(parameter.low) || !std::isfinite(parameter.high) ||
        !(parameter.low < parameter.high) ||
        !(parameter.initial >= parameter.low && parameter.initial <= parameter.high)) {
      return absl::InvalidArgumentError(absl::StrCat(
          spec.id, ": parameter '", parameter.name, "' has limits [", parameter.low, ", ",
          parameter.high, "] and is ", parameter.initial,
          " initially; expected finite, low < high, and an initial value between them"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckExtras(const EnvSpec& spec) {
  if (!spec.goal.has_value()) return absl::OkStatus();
  std::set<std::string> names;
  for (const FieldSpec& field : spec.goal->extra) {
    if (field.name.empty() || !names.insert(field.name).second ||
        field.dtype != v1::DTYPE_FLOAT32 || field.size() < 1 || field.size() > kFieldSizeMax) {
      return absl::InvalidArgumentError(
          absl::StrCat(spec.id, ": goal extra field '", field.name,
                       "' must be float32, not empty, and named unlike the others"));
    }
  }
  return absl::OkStatus();
}

void FieldToProto(const FieldSpec& field, v1::FieldSpec* out) {
  out->set_name(field.name);
  out->set_dtype(field.dtype);
  out->mutable_shape()->Add(field.shape.begin(), field.shape.end());
  AddBounds(field.low, out->mutable_low());
  AddBounds(field.high, out->mutable_high());
}

FieldSpec FieldFromProto(const v1::FieldSpec& in) {
  FieldSpec field;
  field.name = in.name();
  field.dtype = in.dtype();
  field.shape.assign(in.shape().begin(), in.shape().end());
  field.low.assign(in.low().begin(), in.low().end());
  field.high.assign(in.high().begin(), in.high().end());
  return field;
}

absl::StatusOr<ActionSpec> ActionFromProto(const v1::ActionSpec& proto) {
  ActionSpec action;
  action.shape.assign(proto.shape().begin(), proto.shape().end());
  action.start.assign(proto.start().begin(), proto.start().end());
  switch (proto.space_case()) {
    case v1::ActionSpec::kBox:
      action.low.assign(proto.box().low().begin(), proto.box().low().end());
      action.high.assign(proto.box().high().begin(), proto.box().high().end());
      if (proto.box().size() == action.low.size()) return action;
      return absl::InvalidArgumentError(absl::StrCat("action.box.size is ", proto.box().size(),
                                                     " with ", action.low.size(), " bounds"));
    case v1::ActionSpec::kDiscrete:
      if (!action.shape.empty()) {
        return absl::InvalidArgumentError("action.shape is given, but the action is a Discrete");
      }
      action.choices = {proto.discrete().count()};
      return action;
    case v1::ActionSpec::kMultiDiscrete:
      action.choices.assign(proto.multi_discrete().count().begin(),
                            proto.multi_discrete().count().end());
      if (action.choices.empty()) {
        return absl::InvalidArgumentError("action.multi_discrete has no component");
      }
      if (action.shape.empty()) action.shape = {action.size()};
      return action;
    default:
      return absl::InvalidArgumentError(
          "action is of a kind that this version does not know, or of none");
  }
}

}  // namespace

int64_t DTypeSize(v1::DType dtype) {
  switch (dtype) {
    case v1::DTYPE_FLOAT32:
    case v1::DTYPE_INT32:
      return 4;
    case v1::DTYPE_FLOAT64:
    case v1::DTYPE_INT64:
      return 8;
    case v1::DTYPE_UINT8:
      return 1;
    default:
      return 0;
  }
}

int64_t FieldSpec::size() const {
  int64_t product = 1;
  for (int64_t extent : shape) product *= extent;
  return product;
}

int64_t ActionSpec::policy_size() const {
  return is_discrete() ? std::accumulate(choices.begin(), choices.end(), int64_t{0}) : size();
}

std::string ActionSpec::ToString() const {
  if (!is_discrete()) return absl::StrCat("a Box of ", size());
  if (is_scalar()) return absl::StrCat("one of ", choices[0], " choices");
  return absl::StrCat("MultiDiscrete [", absl::StrJoin(choices, ","), "]");
}

int64_t FindBadChoice(const ActionSpec& spec, absl::Span<const float> action) {
  for (size_t i = 0; i < action.size(); ++i) {
    const int64_t choices = spec.choices[i % spec.size()];
    if (!(action[i] >= 0 && action[i] < choices && action[i] == std::floor(action[i]))) return i;
  }
  return -1;
}

int64_t FindOutOfBounds(const ActionSpec& spec, absl::Span<const float> action) {
  const size_t size = spec.low.size();
  for (size_t i = 0; i < action.size(); ++i) {
    const auto low = static_cast<float>(spec.low[i % size]);
    const auto high = static_cast<float>(spec.high[i % size]);
    if (!(action[i] >= low && action[i] <= high)) return static_cast<int64_t>(i);
  }
  return -1;
}

int64_t GoalSpec::extra_size() const {
  int64_t sum = 0;
  for (const FieldSpec& field : extra) sum += field.size();
  return sum;
}

int64_t EnvSpec::observation_size() const {
  int64_t sum = 0;
  for (const FieldSpec& field : observation) sum += field.size();
  return sum;
}

absl::Status EnvSpec::Validate() const {
  if (id.empty()) return absl::InvalidArgumentError("spec.id is empty");
  if (observation.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(id, ": spec.observation has no field"));
  }
  std::set<std::string> names;
  for (const FieldSpec& field : observation) {
    if (!names.insert(field.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(id, ": observation field '", field.name, "' is named twice"));
    }
    if (DTypeSize(field.dtype) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(id, ": observation field '", field.name, "' has no dtype"));
    }
    int64_t product = 1;
    for (int64_t extent : field.shape) {
      if (extent < 1 || extent > kFieldSizeMax / product) {
        return absl::InvalidArgumentError(
            absl::StrCat(id, ": observation field '", field.name, "' has extent ", extent));
      }
      product *= extent;
    }
    if (absl::Status status = CheckBounds(field); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(id, ": ", status.message()));
    }
  }
  if (absl::Status status = CheckAction(action); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(id, ": ", status.message()));
  }
  if (goal.has_value()) {
    const FieldSpec* achieved = nullptr;
    const FieldSpec* desired = nullptr;
    for (const FieldSpec& field : observation) {
      if (field.name == goal->achieved_field) achieved = &field;
      if (field.name == goal->desired_field) desired = &field;
    }
    if (achieved == nullptr || desired == nullptr || achieved->shape != desired->shape) {
      return absl::InvalidArgumentError(absl::StrCat(id, ": goal fields '", goal->achieved_field,
                                                     "' and '", goal->desired_field,
                                                     "' must be observation fields of one shape"));
    }
  }
  if (absl::Status status = CheckExtras(*this); !status.ok()) return status;
  if (absl::Status status = CheckMetrics(*this); !status.ok()) return status;
  if (absl::Status status = CheckParameters(*this); !status.ok()) return status;
  if (!(control_period_s > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat(id, ": control_period_s is ", control_period_s, "; expected > 0"));
  }
  if (horizon < 0) {
    return absl::InvalidArgumentError(absl::StrCat(id, ": horizon is ", horizon));
  }
  if (reports_executed_action && action.is_discrete()) {
    return absl::InvalidArgumentError(
        absl::StrCat(id, ": reports_executed_action is set, but the action is ", action.ToString(),
                     "; expected a Box"));
  }
  if (!mirror.has_value()) return absl::OkStatus();
  if (absl::Status status = CheckMirror(*mirror, observation_size(), action.low, action.high);
      !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(id, ": ", status.message()));
  }
  return absl::OkStatus();
}

v1::EnvSpec EnvSpec::ToProto() const {
  v1::EnvSpec proto;
  proto.set_id(id);
  for (const FieldSpec& field : observation) FieldToProto(field, proto.add_observation());
  *proto.mutable_action() = ActionToProto(action);
  if (goal.has_value()) {
    proto.mutable_goal()->set_achieved_field(goal->achieved_field);
    proto.mutable_goal()->set_desired_field(goal->desired_field);
    for (const FieldSpec& field : goal->extra) {
      FieldToProto(field, proto.mutable_goal()->add_extra());
    }
  }
  proto.set_horizon(horizon);
  proto.set_control_period_s(control_period_s);
  proto.set_reward_low(WithoutNegativeZero(reward_low));
  proto.set_reward_high(WithoutNegativeZero(reward_high));
  if (render.has_value()) {
    proto.mutable_render()->set_width_px(render->width_px);
    proto.mutable_render()->set_height_px(render->height_px);
  }
  proto.set_reports_success(reports_success);
  for (const MetricSpec& metric : metrics) {
    v1::MetricSpec* out = proto.add_metric();
    out->set_name(metric.name);
    out->set_aggregation(metric.aggregation);
  }
  for (const ParameterSpec& parameter : parameters) {
    v1::ParameterSpec* out = proto.add_parameter();
    out->set_name(parameter.name);
    out->set_low(WithoutNegativeZero(parameter.low));
    out->set_high(WithoutNegativeZero(parameter.high));
    out->set_initial(WithoutNegativeZero(parameter.initial));
  }
  proto.set_saves_state(saves_state);
  proto.set_has_scene(has_scene);
  if (mirror.has_value()) *proto.mutable_mirror() = MirrorToProto(*mirror);
  proto.set_reports_executed_action(reports_executed_action);
  return proto;
}

absl::StatusOr<EnvSpec> EnvSpec::FromProto(const v1::EnvSpec& proto) {
  EnvSpec spec;
  spec.id = proto.id();
  for (const v1::FieldSpec& in : proto.observation()) {
    spec.observation.push_back(FieldFromProto(in));
  }
  absl::StatusOr<ActionSpec> action = ActionFromProto(proto.action());
  if (!action.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(spec.id, ": ", action.status().message()));
  }
  spec.action = *std::move(action);
  if (proto.has_goal()) {
    spec.goal = GoalSpec{proto.goal().achieved_field(), proto.goal().desired_field(), {}};
    for (const v1::FieldSpec& in : proto.goal().extra()) {
      spec.goal->extra.push_back(FieldFromProto(in));
    }
  }
  spec.horizon = proto.horizon();
  spec.control_period_s = proto.control_period_s();
  spec.reward_low = proto.reward_low();
  spec.reward_high = proto.reward_high();
  if (proto.has_render()) {
    spec.render = RenderSpec{proto.render().width_px(), proto.render().height_px()};
  }
  spec.reports_success = proto.reports_success();
  for (const v1::MetricSpec& in : proto.metric()) {
    spec.metrics.push_back({in.name(), in.aggregation()});
  }
  for (const v1::ParameterSpec& in : proto.parameter()) {
    spec.parameters.push_back({in.name(), in.low(), in.high(), in.initial()});
  }
  spec.saves_state = proto.saves_state();
  spec.has_scene = proto.has_scene();
  if (proto.has_mirror()) spec.mirror = MirrorFromProto(proto.mirror());
  spec.reports_executed_action = proto.reports_executed_action();
  if (absl::Status status = spec.Validate(); !status.ok()) return status;
  return spec;
}

absl::StatusOr<std::vector<double>> ParameterValues(const EnvSpec& spec,
                                                    const std::map<std::string, double>& values) {
  std::vector<double> out;
  for (const ParameterSpec& parameter : spec.parameters) out.push_back(parameter.initial);
  for (const auto& [name, value] : values) {
    size_t i = 0;
    while (i < out.size() && spec.parameters[i].name != name) ++i;
    if (i == out.size()) {
      std::vector<std::string> names;
      for (const ParameterSpec& parameter : spec.parameters) names.push_back(parameter.name);
      return absl::InvalidArgumentError(absl::StrCat(
          spec.id, " has no parameter '", name, "'; ",
          names.empty() ? "it has none" : absl::StrCat("it has ", absl::StrJoin(names, ", "))));
    }
    const ParameterSpec& parameter = spec.parameters[i];
    if (!(value >= parameter.low && value <= parameter.high)) {
      return absl::InvalidArgumentError(absl::StrCat("parameter '", name, "' of ", spec.id, " is ",
                                                     value, ", expected ", parameter.low, " .. ",
                                                     parameter.high));
    }
    out[i] = value;
  }
  return out;
}

uint64_t SpecHash(const EnvSpec& spec) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    v1::EnvSpec proto = spec.ToProto();
    proto.clear_render();
    proto.clear_saves_state();
    proto.clear_has_scene();
    proto.clear_mirror();
    proto.SerializeToCodedStream(&coded);
  }
  uint64_t hash = 14695981039346656037ull;
  for (unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211ull;
  return hash == 0 ? 1 : hash;
}

std::string DescribeDifference(const EnvSpec& expected, const EnvSpec& actual) {
  google::protobuf::util::MessageDifferencer differencer;
  std::string report;
  differencer.ReportDifferencesToString(&report);
  if (differencer.Compare(expected.ToProto(), actual.ToProto())) return "";
  return absl::StrCat("environment spec differs (expected -> got): ",
                      report.substr(0, report.find('\n')));
}

}  // namespace armature
