// Holds elements of the observation to bounds.
//
// Facts: bounds of the field become narrower in the same way.
// Refused: goal fields (rewards are computed from them) and fields of integers.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

class ClipObservation : public EnvWrapper {
 public:
  struct Config {
    double low = -10;
    double high = 10;
    std::vector<std::string> fields;
    void Visit(ConfigVisitor& v) {
      v.Field("low", low, "Elements below it become this.");
      v.Field("high", high, "Elements above it become this.");
      v.Field("fields", fields, "Fields that are clipped; empty: all float fields but goals.");
    }
  };

  ClipObservation(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place),
        low_(FloatAtLeast(config.low)),
        high_(FloatAtMost(config.high)),
        fields_(SelectFields(spec(), config.fields, FieldKind::kFloat)) {
    if (!(low_ < high_)) {
      throw WrapperError(
          absl::StrCat("low is ", config.low, " and high ", config.high, "; expected low < high"));
    }
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    for (int index : fields_) {
      FieldSpec& field = mutable_spec().observation[index];
      field.low = BoundPerElement(field.low, field.size(), -kInfinity);
      field.high = BoundPerElement(field.high, field.size(), kInfinity);
      for (std::vector<double>* bounds : {&field.low, &field.high}) {
        for (double& bound : *bounds) bound = std::clamp<double>(bound, low_, high_);
      }
    }
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    const StepResult step = inner().Step(action, observation);
    Clip(observation);
    return step;
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner().Reset(seed, observation);
    Clip(observation);
  }

 private:
  void Clip(Observation& observation) const {
    for (int field : fields_) {
      VisitFloats(spec().observation[field], field, observation, [this](auto values) {
        using Float = std::decay_t<decltype(values[0])>;
        for (Float& value : values) value = std::clamp<Float>(value, low_, high_);
      });
    }
  }

  const float low_;
  const float high_;
  const std::vector<int> fields_;
};

}  // namespace

absl::Status RegisterClipObservation(EnvRegistry& registry) {
  return RegisterWrapper<ClipObservation>(registry, "clip_observation",
                                          "Holds what is observed to bounds.");
}

}  // namespace armature
