#include "envserver/tasks/human/contact_counts.h"

#include <algorithm>
#include <cmath>

namespace armature {
namespace {

constexpr double kContactGap_s = 0.01;

}  // namespace

ContactCounts::ContactCounts(double physics_step_s)
    : quiet_steps_(std::lround(kContactGap_s / physics_step_s)) {
  Reset();
}

void ContactCounts::AddMetrics(TaskBuilder& task) {
  using v1::MetricSpec;
  const auto last = MetricSpec::AGGREGATION_LAST;
  const auto sum = MetricSpec::AGGREGATION_SUM;
  metrics_.collision = task.AddMetric("collision", last);
  metrics_.type = task.AddMetric("collision_type", last);
  metrics_.all = task.AddMetric("n_collisions", sum);
  metrics_.robot = task.AddMetric("n_collisions_robot", sum);
  metrics_.statics = task.AddMetric("n_collisions_static", sum);
  metrics_.human = task.AddMetric("n_collisions_human", sum);
  metrics_.critical = task.AddMetric("n_collisions_critical", sum);
}

void ContactCounts::Report(MetricValues& out) const {
  out.Set(metrics_.collision, had_illegal_ ? 1 : 0);
  out.Set(metrics_.type, worst_);
  out.Set(metrics_.all, counts_[kRobot] + counts_[kStatic] + counts_[kHuman]);
  out.Set(metrics_.robot, counts_[kRobot]);
  out.Set(metrics_.statics, counts_[kStatic]);
  out.Set(metrics_.human, counts_[kHuman]);
  out.Set(metrics_.critical, counts_[kCritical]);
}

void ContactCounts::Reset() {
  touching_ = {};
  counts_ = {};
  quiet_.fill(quiet_steps_);
  illegal_ = had_illegal_ = false;
  worst_ = 0;
}

void ContactCounts::BeginControlStep() {
  counts_ = {};
  illegal_ = false;
}

void ContactCounts::ForgetTouches() { touching_ = {}; }

void ContactCounts::EndPhysicsStep() {
  for (const Kind kind : {kRobot, kStatic, kHuman, kCritical}) {
    if (!touching_[kind]) {
      quiet_[kind] = std::min(quiet_[kind] + 1, quiet_steps_);
      continue;
    }
    if (quiet_[kind] >= quiet_steps_) ++counts_[kind];
    quiet_[kind] = 0;
    worst_ = std::max(worst_, 1 + kind);
    if (kind != kHuman) illegal_ = had_illegal_ = true;
  }
}

void ContactCounts::Keep(StateArchive& state) {
  state.Keep(counts_);
  state.Keep(illegal_);
  state.Keep(quiet_);
  state.Keep(had_illegal_);
  state.Keep(worst_);
}

}  // namespace armature
