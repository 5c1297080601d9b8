#include "common/spec/env_spec.h"

#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/message_differencer.h"

namespace armature {
namespace {

constexpr int64_t kFieldSizeMax = 1 << 26;

// -0 becomes 0: equal bounds have one wire form, and one hash.
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

absl::Status CheckAction(const ActionSpec& action) {
  if (action.is_discrete()) {
    if (action.num_choices < 2) {
      return absl::InvalidArgumentError("action.discrete.count must be at least 2");
    }
    return absl::OkStatus();
  }
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
  return absl::OkStatus();
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
  if (!(control_period_s > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat(id, ": control_period_s is ", control_period_s, "; expected > 0"));
  }
  if (horizon < 0) {
    return absl::InvalidArgumentError(absl::StrCat(id, ": horizon is ", horizon));
  }
  return absl::OkStatus();
}

v1::EnvSpec EnvSpec::ToProto() const {
  v1::EnvSpec proto;
  proto.set_id(id);
  for (const FieldSpec& field : observation) {
    v1::FieldSpec* out = proto.add_observation();
    out->set_name(field.name);
    out->set_dtype(field.dtype);
    out->mutable_shape()->Add(field.shape.begin(), field.shape.end());
    AddBounds(field.low, out->mutable_low());
    AddBounds(field.high, out->mutable_high());
  }
  if (action.is_discrete()) {
    proto.mutable_action()->mutable_discrete()->set_count(action.num_choices);
  } else {
    v1::BoxSpec* box = proto.mutable_action()->mutable_box();
    box->set_size(action.low.size());
    AddBounds(action.low, box->mutable_low());
    AddBounds(action.high, box->mutable_high());
  }
  if (goal.has_value()) {
    proto.mutable_goal()->set_achieved_field(goal->achieved_field);
    proto.mutable_goal()->set_desired_field(goal->desired_field);
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
  return proto;
}

absl::StatusOr<EnvSpec> EnvSpec::FromProto(const v1::EnvSpec& proto) {
  EnvSpec spec;
  spec.id = proto.id();
  for (const v1::FieldSpec& in : proto.observation()) {
    FieldSpec field;
    field.name = in.name();
    field.dtype = in.dtype();
    field.shape.assign(in.shape().begin(), in.shape().end());
    field.low.assign(in.low().begin(), in.low().end());
    field.high.assign(in.high().begin(), in.high().end());
    spec.observation.push_back(std::move(field));
  }
  if (proto.action().has_discrete()) {
    spec.action.num_choices = proto.action().discrete().count();
    if (spec.action.num_choices < 2) {
      return absl::InvalidArgumentError(
          absl::StrCat(spec.id, ": action.discrete.count must be at least 2"));
    }
  } else {
    const v1::BoxSpec& box = proto.action().box();
    spec.action.low.assign(box.low().begin(), box.low().end());
    spec.action.high.assign(box.high().begin(), box.high().end());
    if (box.size() != spec.action.low.size()) {
      return absl::InvalidArgumentError(absl::StrCat(spec.id, ": action.box.size is ", box.size(),
                                                     " with ", spec.action.low.size(), " bounds"));
    }
  }
  if (proto.has_goal()) {
    spec.goal = GoalSpec{proto.goal().achieved_field(), proto.goal().desired_field()};
  }
  spec.horizon = proto.horizon();
  spec.control_period_s = proto.control_period_s();
  spec.reward_low = proto.reward_low();
  spec.reward_high = proto.reward_high();
  if (proto.has_render()) {
    spec.render = RenderSpec{proto.render().width_px(), proto.render().height_px()};
  }
  spec.reports_success = proto.reports_success();
  if (absl::Status status = spec.Validate(); !status.ok()) return status;
  return spec;
}

uint64_t SpecHash(const EnvSpec& spec) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    spec.ToProto().SerializeToCodedStream(&coded);
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
