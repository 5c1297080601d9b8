// An env server that is not //envserver, with flags of its own before those that
// every env server gets: what cluster.env_server_command starts in tests.
//
// Environment "cue": an observation says which choices are rewarded in this step, as a
// one-hot `cue` uint8 for each component of the action, joined. `--choices 3` makes the
// action a Discrete(3), `--choices 3 2` a MultiDiscrete. Reward: the share of components
// that are right; 20 steps an episode; the best return is 20.
#include <cstdint>
#include <memory>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/random/rng.h"
#include "envserver/env/env.h"
#include "envserver/env/env_registry.h"
#include "envserver/server/env_server_main.h"

namespace armature {
namespace {

class Cue : public Env {
 public:
  explicit Cue(const std::vector<int64_t>& choices) : cue_(choices.size()) {
    spec_.id = "cue";
    spec_.action.choices = choices;
    spec_.observation = {{"cue", v1::DTYPE_UINT8, {spec_.action.policy_size()}, {0}, {1}}};
    spec_.horizon = 20;
    spec_.control_period_s = 0.1;
    spec_.reward_low = 0;
    spec_.reward_high = 1;
  }

  const EnvSpec& spec() const override { return spec_; }

  void Reset(uint64_t seed, Observation& observation) override {
    rng_ = Rng({seed});
    Draw(observation);
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    StepResult result;
    for (size_t i = 0; i < cue_.size(); ++i) {
      if (static_cast<int64_t>(action[i]) == cue_[i]) result.reward += 1.0 / cue_.size();
    }
    Draw(observation);
    return result;
  }

 private:
  void Draw(Observation& observation) {
    uint8_t* column = observation.Field<uint8_t>(0).data();
    for (size_t i = 0; i < cue_.size(); ++i) {
      const int64_t choices = spec_.action.choices[i];
      cue_[i] = rng_.Index(choices);
      for (int64_t choice = 0; choice < choices; ++choice) *column++ = choice == cue_[i];
    }
  }

  EnvSpec spec_;
  Rng rng_{0};
  std::vector<int64_t> cue_;  // The rewarded choice of each component.
};

int Main(int argc, char** argv) {
  std::vector<int64_t> choices;
  return EnvServerMain(
      argc, argv,
      [&](EnvRegistry& registry) {
        return registry.Register("cue", "Discrete actions",
                                 [&](const EnvConfig&) -> absl::StatusOr<std::unique_ptr<Env>> {
                                   return std::make_unique<Cue>(choices);
                                 });
      },
      [&](CLI::App& app) {
        app.add_option("--choices", choices, "Of each component of the action.")->required();
      });
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
