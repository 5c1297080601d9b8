// Shows how much of the episode is left.
//
// Facts: a new last field "time_left" float32 [1] in [0, 1]: 1 - t / horizon after t steps. With it
// the value of a state with a time limit is one of the observation (Pardo et al., Time Limits in
// Reinforcement Learning, 2018).
// Refused: environments without a horizon.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

constexpr char kField[] = "time_left";

class TimeFeature : public EnvWrapper {
 public:
  struct Config {
    void Visit(ConfigVisitor&) {}
  };

  TimeFeature(std::unique_ptr<Env> env, int place, const Config&)
      : EnvWrapper(std::move(env), place), memory_(spec().observation) {
    EnvSpec& spec = mutable_spec();
    if (spec.horizon == 0) {
      throw WrapperError(absl::StrCat(spec.id, " has no horizon; expected a time limit"));
    }
    FieldSpec field;
    field.name = kField;
    field.shape = {1};
    field.low = {0};
    field.high = {1};
    spec.observation.push_back(std::move(field));
    spec.mirror.reset();
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    const StepResult step = inner().Step(action, memory_.observation());
    ++steps_;
    Write(observation);
    return step;
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner().Reset(seed, memory_.observation());
    steps_ = 0;
    Write(observation);
  }

  void Keep(StateArchive& state) override { state.Keep(steps_); }

 private:
  void Write(Observation& observation) const {
    memory_.CopyTo(observation);
    const auto last = static_cast<int>(spec().observation.size()) - 1;
    const double left = 1 - static_cast<double>(steps_) / static_cast<double>(spec().horizon);
    observation.Field<float>(last)[0] = static_cast<float>(std::max(left, 0.0));
  }

  ObservationMemory memory_;
  int64_t steps_ = 0;  // Of this episode.
};

}  // namespace

absl::Status RegisterTimeFeature(EnvRegistry& registry) {
  return RegisterWrapper<TimeFeature>(registry, "time_feature",
                                      "Shows the share of the episode that is left.");
}

}  // namespace armature
