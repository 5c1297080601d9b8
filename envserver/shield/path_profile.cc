#include "envserver/shield/path_profile.h"

#include <algorithm>
#include <cmath>

namespace armature {
namespace {

PathState After(const PathState& begin, double jerk, double t) {
  return {begin.s + t * (begin.speed + t * (begin.acceleration / 2 + t * jerk / 6)),
          begin.speed + t * (begin.acceleration + t * jerk / 2), begin.acceleration + t * jerk};
}

}  // namespace

PathProfile::PathProfile(const PathState& start, double target_speed, const PathLimits& limits) {
  const double a0 = start.acceleration;
  const double jerk = limits.jerk;
  const double speed_when_released = start.speed + a0 * std::abs(a0) / (2 * jerk);
  const double sign = target_speed >= speed_when_released ? 1 : -1;
  const double a = sign * a0;
  const double gain = std::max(0.0, sign * (target_speed - start.speed) + a * a / (2 * jerk));
  double peak = std::sqrt(jerk * gain);
  double hold = 0;
  if (peak > limits.acceleration) {
    peak = limits.acceleration;
    hold = gain / peak - peak / jerk;
  }
  // Rounding may put the peak below a.
  const std::array<double, 3> duration = {std::max(0.0, (peak - a) / jerk), hold, peak / jerk};
  jerk_ = {sign * jerk, 0, -sign * jerk};
  state_[0] = start;
  for (int i = 0; i < 3; ++i) {
    begin_s_[i + 1] = begin_s_[i] + duration[i];
    state_[i + 1] = After(state_[i], jerk_[i], duration[i]);
  }
  state_[3].speed = target_speed;
  state_[3].acceleration = 0;
}

PathState PathProfile::At(double t) const {
  if (t >= begin_s_[3]) return After(state_[3], 0, t - begin_s_[3]);
  int phase = 0;
  while (phase < 2 && t >= begin_s_[phase + 1]) ++phase;
  PathState state = After(state_[phase], jerk_[phase], t - begin_s_[phase]);
  state.speed = std::clamp(state.speed, 0.0, 1.0);
  return state;
}

double PathProfile::MaxSpeed(double t0, double t1) const {
  double speed = std::max(At(t0).speed, At(t1).speed);
  for (int i = 0; i < 4; ++i) {
    if (begin_s_[i] > t0 && begin_s_[i] < t1) speed = std::max(speed, state_[i].speed);
    if (i == 3 || jerk_[i] == 0) continue;
    const double top = begin_s_[i] - state_[i].acceleration / jerk_[i];
    if (top > std::max(t0, begin_s_[i]) && top < std::min(t1, begin_s_[i + 1])) {
      speed = std::max(speed, At(top).speed);
    }
  }
  return speed;
}

double LongestStop(const PathLimits& limits) {
  const double ramp = limits.acceleration / limits.jerk;
  const bool reaches_limit = limits.acceleration * ramp <= 1;
  const double from_full_speed =
      reaches_limit ? 1 / limits.acceleration + ramp : 2 / std::sqrt(limits.jerk);
  // At worst the arm speeds up with A when the stop begins: until that has ended it gains speed, to
  // 1 at most.
  return ramp + from_full_speed;
}

}  // namespace armature
