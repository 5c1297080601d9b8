#include "envserver/human/rotation_vector.h"

#include <cmath>

namespace armature {
namespace {

// sin(x) / x and cos(x) as functions of u = x^2, and the first's derivatives by u.
struct Sinc {
  explicit Sinc(double u) {
    if (u < 0.01) {  // Where the quotients below lose digits.
      value = 1 - u / 6 * (1 - u / 20 * (1 - u / 42 * (1 - u / 72)));
      first = -1.0 / 6 + u / 60 - u * u / 1680 + u * u * u / 90720;
      second = 1.0 / 60 - u / 840 + u * u / 30240 - u * u * u / 1995840;
      cosine = 1 - u / 2 * (1 - u / 12 * (1 - u / 30 * (1 - u / 56)));
      return;
    }
    const double x = std::sqrt(u);
    value = std::sin(x) / x;
    cosine = std::cos(x);
    first = (cosine - value) / (2 * u);
    second = (-value / 2 - 3 * first) / (2 * u);
  }

  double value, first, second, cosine;
};

}  // namespace

// With the quaternion q = (cos |h|, sinc(|h|) h), h = w / 2, the angular velocity is the vector of
// 2 q' q*, and the acceleration that of 2 q'' q*, as q' q'* is real.
TurningRotation::TurningRotation(const Eigen::Vector3d& w, const Eigen::Vector3d& w1,
                                 const Eigen::Vector3d& w2) {
  const Eigen::Vector3d h = w / 2, h1 = w1 / 2, h2 = w2 / 2;
  const double u = h.squaredNorm();
  const double u1 = 2 * h.dot(h1);
  const double u2 = 2 * (h1.squaredNorm() + h.dot(h2));
  const Sinc s(u);
  const double s1 = s.first * u1;
  const double s2 = s.second * u1 * u1 + s.first * u2;
  const double c = s.cosine;
  const double c1 = -s.value / 2 * u1;
  const double c2 = -s.first / 2 * u1 * u1 - s.value / 2 * u2;
  const Eigen::Vector3d v = s.value * h;
  const Eigen::Vector3d v1 = s1 * h + s.value * h1;
  const Eigen::Vector3d v2 = s2 * h + 2 * s1 * h1 + s.value * h2;
  rotation = Eigen::Quaterniond(c, v.x(), v.y(), v.z()).toRotationMatrix();
  velocity = 2 * (c * v1 - c1 * v - v1.cross(v));
  acceleration = 2 * (c * v2 - c2 * v - v2.cross(v));
}

Eigen::Quaterniond FromRotationVector(const Eigen::Vector3d& w) {
  const Eigen::Vector3d h = w / 2;
  const Sinc s(h.squaredNorm());
  Eigen::Quaterniond rotation;
  rotation.w() = s.cosine;
  rotation.vec() = s.value * h;
  return rotation;
}

Eigen::Vector3d ToRotationVector(const Eigen::Quaterniond& rotation) {
  const double sign = rotation.w() < 0 ? -1 : 1;
  const Eigen::Vector3d v = sign * rotation.vec();
  const double length = v.norm();
  if (length < 1e-9) return 2 * v;
  return 2 * std::atan2(length, sign * rotation.w()) / length * v;
}

Eigen::Vector3d ToRotationVectorNear(const Eigen::Quaterniond& rotation,
                                     const Eigen::Vector3d& previous) {
  const Eigen::Vector3d w = ToRotationVector(rotation);
  const double angle = w.norm();
  if (angle < 1e-9) return w;
  const Eigen::Vector3d axis = w / angle;
  return AngleNear(angle, previous.dot(axis)) * axis;
}

double Heading(const Eigen::Quaterniond& rotation) {
  return 2 * std::atan2(rotation.z(), rotation.w());
}

Eigen::Quaterniond RotationZ(double angle_rad) {
  return {std::cos(angle_rad / 2), 0, 0, std::sin(angle_rad / 2)};
}

double AngleNear(double angle_rad, double previous_rad) {
  return angle_rad + 2 * M_PI * std::round((previous_rad - angle_rad) / (2 * M_PI));
}

}  // namespace armature
