// Pushes a body now and then, in a random horizontal direction.
//
// Facts: pushes begin at the beginning of control steps; the time until the next one, rounded to
// control steps, is drawn at the reset and at each push. kind: velocity adds to the velocity of a
// free base; kind: force acts at the link's centre of mass for duration_s, rounded to control
// steps, in place of a force that the task may hold there (Body::HoldForce). The strength drawn is
// multiplied by the parameter "push/scale" (0 .. 1, initially 1).
// Refused: environments without a Bullet world; velocities of bodies whose base is not free.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/distribution.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

class Push : public EnvWrapper {
 public:
  struct Config {
    std::string body;
    std::string link;
    std::string kind = "velocity";
    std::string interval_s = "uniform(2, 4)";
    std::string speed_m_s = "uniform(0, 0.5)";
    std::string force_n = "uniform(0, 20)";
    double duration_s = 0.2;
    void Visit(ConfigVisitor& v) {
      v.Field("body", body, "The body that is pushed.");
      v.Field("link", link, "Its link that a force acts on; empty: the base.");
      v.Field("kind", kind, "A change of velocity, or a force for a time.",
              OneOf({"velocity", "force"}));
      v.Field("interval_s", interval_s, "Distribution of the time from push to push.");
      v.Field("speed_m_s", speed_m_s, "Distribution of the change, kind: velocity.");
      v.Field("force_n", force_n, "Distribution of the force, kind: force.");
      v.Field("duration_s", duration_s, "How long a force acts.", MoreThan(0));
    }
  };

  Push(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place),
        body_(*NeedWorld().FindBody(config.body)),
        link_(config.link.empty() ? kBase : body_.Link(config.link)),
        is_force_(config.kind == "force"),
        interval_s_("interval_s", config.interval_s),
        strength_(is_force_ ? "force_n" : "speed_m_s",
                  is_force_ ? config.force_n : config.speed_m_s),
        duration_steps_(ToSteps(config.duration_s)),
        scale_(AddParameter({"push/scale", 0, 1, 1})) {
    if (interval_s_.low() <= 0) {
      throw WrapperError(
          absl::StrCat("interval_s can be ", interval_s_.low(), "; expected more than 0"));
    }
    if (!is_force_ && body_.num_velocities() != body_.num_dofs() + 6) {
      throw WrapperError(
          absl::StrCat("body '", body_.name(), "' has no free base; kind: force pushes it too"));
    }
    // Refuses a body that does not move by forces.
    if (is_force_) Hold(btVector3(0, 0, 0));
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    if (steps_to_push_ == 0) {
      Start();
      steps_to_push_ = ToSteps(interval_s_.Draw(rng()));
    }
    --steps_to_push_;
    const StepResult step = inner().Step(action, observation);
    if (steps_to_release_ > 0 && --steps_to_release_ == 0) Hold(btVector3(0, 0, 0));
    return step;
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    if (steps_to_release_ > 0) Hold(btVector3(0, 0, 0));
    steps_to_release_ = 0;
    inner().Reset(seed, observation);
    steps_to_push_ = ToSteps(interval_s_.Draw(rng()));
  }

  void Keep(StateArchive& state) override {
    state.Keep(steps_to_push_);
    state.Keep(steps_to_release_);
    state.Check(steps_to_push_ >= 0 && steps_to_release_ >= 0);
  }

 private:
  // At least one control step.
  int64_t ToSteps(double time_s) const {
    const double steps = std::round(time_s / spec().control_period_s);
    return static_cast<int64_t>(std::clamp(steps, 1.0, 1e15));
  }

  void Hold(const btVector3& force) { body_.HoldForce(link_, force, btVector3(0, 0, 0)); }

  void Start() {
    const double angle = rng().Uniform(-M_PI, M_PI);
    const double strength = parameter(scale_) * strength_.Draw(rng());
    const btVector3 push = strength * btVector3(std::cos(angle), std::sin(angle), 0);
    if (is_force_) {
      Hold(push);
      steps_to_release_ = duration_steps_;
    } else {
      body_.SetBaseVelocity(body_.LinkVelocity(kBase) + push, body_.LinkAngularVelocity(kBase));
    }
  }

  Body& body_;
  const int link_;
  const bool is_force_;
  const Distribution interval_s_;
  const Distribution strength_;
  const int64_t duration_steps_;
  const int scale_;
  int64_t steps_to_push_ = 0;
  int64_t steps_to_release_ = 0;  // 0: no force acts.
};

}  // namespace

absl::Status RegisterPush(EnvRegistry& registry) {
  return RegisterWrapper<Push>(registry, "push", "Pushes a body now and then.");
}

}  // namespace armature
