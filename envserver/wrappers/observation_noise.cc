// Adds noise to elements of the observation.
//
// Facts: the noise of an element is its amplitude x U(-1, 1) or x N(0, 1), drawn anew in each step
// and at the reset. Bounds of the field become wider by the amplitude; normal noise has no bounds,
// so the element loses its own. Rewards and endings do not change. Refused: goal fields (rewards
// are computed from them) and fields of integers.
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/config/config.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Reads "0.1", or "[0.1, 0.2]" for a field of two elements.
std::vector<double> ParseAmplitudes(const FieldSpec& field, const std::string& text) {
  absl::string_view list = text;
  const bool is_list = absl::ConsumePrefix(&list, "[") && absl::ConsumeSuffix(&list, "]");
  std::vector<double> amplitudes;
  for (absl::string_view number : absl::StrSplit(list, ',')) {
    double value = 0;
    if (!absl::SimpleAtod(number, &value) || !(value >= 0 && value < kInfinity)) {
      throw WrapperError(absl::StrCat("fields.", field.name, " is ", text,
                                      "; expected a number of at least 0, or one for each element "
                                      "in square brackets"));
    }
    amplitudes.push_back(value);
  }
  const auto count = static_cast<int64_t>(amplitudes.size());
  if (!is_list) amplitudes.resize(field.size(), amplitudes[0]);
  if (is_list && count != field.size()) {
    throw WrapperError(absl::StrCat("fields.", field.name, " has ", count,
                                    " numbers; the field has ", field.size(), " elements"));
  }
  return amplitudes;
}

class ObservationNoise : public EnvWrapper {
 public:
  struct Config {
    std::string distribution = "uniform";
    double amplitude = 0;
    std::map<std::string, std::string> fields;
    void Visit(ConfigVisitor& v) {
      v.Field("distribution", distribution, "Of the noise.", OneOf({"uniform", "normal"}));
      v.Field("amplitude", amplitude,
              "The largest noise (uniform) or its standard deviation (normal), in the field's "
              "units, of all float fields that are not goals and not named in fields.",
              AtLeast(0));
      v.Field("fields", fields,
              "Amplitude by field: one number, or one for each element, as in {velocity: [0.1, "
              "0.1, 0]}.");
    }
  };

  ObservationNoise(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place), is_normal_(config.distribution == "normal") {
    if (config.amplitude == 0 && config.fields.empty()) {
      throw WrapperError("amplitude is 0 and fields names none; set either");
    }
    for (const auto& [name, text] : config.fields) {
      const int field = FindField(spec(), name);
      CheckField(spec(), field, FieldKind::kFloat);
      noisy_[field] = ParseAmplitudes(spec().observation[field], text);
    }
    if (config.amplitude > 0) {
      for (int field : SelectFields(spec(), {}, FieldKind::kFloat)) {
        const int64_t size = spec().observation[field].size();
        noisy_.emplace(field, std::vector<double>(size, config.amplitude));
      }
    }
    for (const auto& [field, amplitude] : noisy_) {
      Widen(amplitude, mutable_spec().observation[field]);
    }
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    const StepResult step = inner().Step(action, observation);
    AddNoise(observation);
    return step;
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner().Reset(seed, observation);
    AddNoise(observation);
  }

 private:
  void Widen(const std::vector<double>& amplitude, FieldSpec& field) const {
    field.low = BoundPerElement(field.low, field.size(), -kInfinity);
    field.high = BoundPerElement(field.high, field.size(), kInfinity);
    for (size_t i = 0; i < amplitude.size(); ++i) {
      if (amplitude[i] == 0) continue;
      const double most = is_normal_ ? kInfinity : amplitude[i];
      field.low[i] = FloatAtMost(field.low[i] - most);
      field.high[i] = FloatAtLeast(field.high[i] + most);
    }
  }

  void AddNoise(Observation& observation) {
    for (const auto& [field, amplitude] : noisy_) {
      VisitFloats(spec().observation[field], field, observation,
                  [this, &amplitude = amplitude](auto values) { AddTo(values, amplitude); });
    }
  }

  template <typename Float>
  void AddTo(absl::Span<Float> values, const std::vector<double>& amplitude) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (amplitude[i] == 0) continue;
      const double unit = is_normal_ ? rng().Normal() : rng().Uniform(-1, 1);
      values[i] = static_cast<Float>(values[i] + amplitude[i] * unit);
    }
  }

  const bool is_normal_;
  std::map<int, std::vector<double>> noisy_;  // Amplitude of each element, by field.
};

}  // namespace

absl::Status RegisterObservationNoise(EnvRegistry& registry) {
  return RegisterWrapper<ObservationNoise>(registry, "observation_noise",
                                           "Adds noise to what is observed.");
}

}  // namespace armature
