// Ways from rest to rest whose speed and acceleration are continuous.
#ifndef ARMATURE_ENVSERVER_HUMAN_RAMP_H_
#define ARMATURE_ENVSERVER_HUMAN_RAMP_H_

#include <algorithm>

namespace armature {

struct RampedTime {
  double value = 0;
  double rate = 0;
  double rate_change = 0;
};

// A rate that rises from 0 to 1 within `ramp`, as x^2 (3 - 2 x), and falls back to 0 within the
// last `ramp` of `total`, 2 ramp or more. The value goes from 0 to total - ramp.
inline RampedTime Ramp(double t, double total, double ramp) {
  t = std::clamp(t, 0.0, total);
  const bool is_late = t > total / 2;
  const double since = is_late ? total - t : t;
  RampedTime result;
  if (since >= ramp) {
    result = {since - ramp / 2, 1, 0};
  } else if (ramp > 0) {
    const double x = since / ramp;
    result = {ramp * x * x * x * (1 - x / 2), x * x * (3 - 2 * x), 6 * x * (1 - x) / ramp};
  }
  if (is_late) result = {total - ramp - result.value, result.rate, -result.rate_change};
  return result;
}

// The share of the way that a rest-to-rest minimum-jerk motion has gone at the share x of its time.
// Source: Flash and Hogan, "The coordination of arm movements", 1985.
inline double MinimumJerk(double x) {
  x = std::clamp(x, 0.0, 1.0);
  return x * x * x * (10 + x * (6 * x - 15));
}

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_RAMP_H_
