#include "envserver/shield/capsule.h"

#include <algorithm>
#include <cmath>

namespace armature {

double AxisDistanceSquared(const Capsule& one, const Capsule& other) {
  constexpr double kPoint = 1e-24;  // Squared length of a segment that is a point, m^2.
  const Eigen::Vector3d d1 = one.b - one.a;
  const Eigen::Vector3d d2 = other.b - other.a;
  const Eigen::Vector3d r = one.a - other.a;
  const double a = d1.squaredNorm();
  const double e = d2.squaredNorm();
  const double c = d1.dot(r);
  const double f = d2.dot(r);
  double s = 0;
  double t = 0;
  if (a <= kPoint) {
    if (e > kPoint) t = std::clamp(f / e, 0.0, 1.0);
  } else if (e <= kPoint) {
    s = std::clamp(-c / a, 0.0, 1.0);
  } else {
    const double b = d1.dot(d2);
    const double denominator = a * e - b * b;
    // Parallel segments: any s serves, since t follows it.
    if (denominator > 1e-12 * a * e) s = std::clamp((b * f - c * e) / denominator, 0.0, 1.0);
    t = (b * s + f) / e;
    if (t < 0) {
      t = 0;
      s = std::clamp(-c / a, 0.0, 1.0);
    } else if (t > 1) {
      t = 1;
      s = std::clamp((b - c) / a, 0.0, 1.0);
    }
  }
  return (r + s * d1 - t * d2).squaredNorm();
}

double Gap(const Capsule& one, const Capsule& other) {
  return std::sqrt(AxisDistanceSquared(one, other)) - one.radius - other.radius;
}

}  // namespace armature
