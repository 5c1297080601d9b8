// The base of wrappers: an environment that changes what another one observes, does or pays.
//
//   class Halved : public EnvWrapper {
//    public:
//     struct Config { ... void Visit(ConfigVisitor& v); };
//     Halved(std::unique_ptr<Env> inner, int place, const Config& config);  // Edits
//     mutable_spec(). StepResult Step(absl::Span<const float> action, Observation& observation)
//     override;
//   };
//   RegisterWrapper<Halved>(registry, "halved", "...");  // register_wrapper.h
//
// All that a wrapper does not override goes to the inner environment.
// Thread safety, determinism: see Env. What is random comes from rng(), which the episode's seed
// and the wrapper's place decide; it draws nothing from the inner environment's generator. Saved
// states: the inner environment's, then the wrapper's own: its generator, its parameters and what
// Keep names. Errors: the constructor throws WrapperError, with a sentence for the user, if it
// cannot wrap this environment. Ownership: owns the inner environment. Cost: wrappers allocate
// nothing in a step.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_ENV_WRAPPER_H_
#define ARMATURE_ENVSERVER_WRAPPERS_ENV_WRAPPER_H_

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "common/random/rng.h"
#include "common/scene/scene.h"
#include "common/spec/env_spec.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/env/env.h"
#include "envserver/kit/state_archive.h"

namespace armature {

class WrapperError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class EnvWrapper : public Env {
 public:
  // `place` as in WrapperFactory.
  EnvWrapper(std::unique_ptr<Env> inner, int place);

  const EnvSpec& spec() const override { return spec_; }
  void Reset(uint64_t seed, Observation& observation) final;
  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    return inner_->Step(action, observation);
  }
  absl::Status ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                             absl::Span<uint8_t> terminated) const override {
    return inner_->ComputeReward(goals, reward, terminated);
  }
  void SetParameters(absl::Span<const double> values) final;
  void ReadMetrics(absl::Span<float> metrics) const override { inner_->ReadMetrics(metrics); }
  void ReadGoalExtra(absl::Span<float> extra) const override { inner_->ReadGoalExtra(extra); }
  void ReadExecutedAction(absl::Span<float> action) const override {
    inner_->ReadExecutedAction(action);
  }
  absl::Status SaveState(std::string* state) final;
  absl::Status RestoreState(absl::string_view state) final;
  absl::Status Render(absl::Span<uint8_t> rgb) override { return inner_->Render(rgb); }
  const Scene* scene() const override { return inner_->scene(); }
  void ReadView(SceneView& view) const override { inner_->ReadView(view); }
  BulletWorld* world() override { return inner_->world(); }
  // A wrapper that changes what actions mean gives null, or its own.
  ArmActions* arm() override { return inner_->arm(); }

 protected:
  // Begins an episode. Overridden, it calls inner().Reset(seed, ...).
  virtual void Begin(uint64_t seed, Observation& observation) { inner_->Reset(seed, observation); }
  // Names the members that later steps depend on; see kit/state_archive.h. It only reads or writes
  // them: if a state is refused, they are put back.
  virtual void Keep(StateArchive& state) { (void)state; }

  Env& inner() { return *inner_; }
  const Env& inner() const { return *inner_; }
  // The inner environment's spec at first. For constructors. One that changes what an observation's
  // numbers mean, or how many there are, also resets `mirror`. One that changes what an action
  // means gives the executed action in its own terms, or clears `reports_executed_action`.
  EnvSpec& mutable_spec() { return spec_; }
  // Of this episode.
  Rng& rng();

  // Declares a parameter of the wrapper's own; returns its handle. For constructors. Throws
  // WrapperError if the inner environment has one of this name.
  int AddParameter(const ParameterSpec& parameter);
  // The value that this episode began with.
  double parameter(int handle) const { return parameters_[handle]; }

  // Returns the inner environment's world. Throws WrapperError if it has none.
  BulletWorld& NeedWorld();
  // Throws WrapperError unless the action is a Box.
  void NeedBox() const;

 private:
  void KeepAll(StateArchive& state);

  const std::unique_ptr<Env> inner_;
  const int place_;
  EnvSpec spec_;
  uint64_t seed_ = 0;
  absl::optional<Rng> rng_;  // Absent: not used yet in this episode.
  std::vector<double> parameters_;
  std::vector<double> next_parameters_;  // Of the episodes to come.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_ENV_WRAPPER_H_
