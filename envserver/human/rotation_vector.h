// Rotations as vectors: the axis times the angle.
#ifndef ARMATURE_ENVSERVER_HUMAN_ROTATION_VECTOR_H_
#define ARMATURE_ENVSERVER_HUMAN_ROTATION_VECTOR_H_

#include "Eigen/Core"
#include "Eigen/Geometry"

namespace armature {

// exp(w(t)) with its angular velocity and acceleration, in the frame that it rotates from.
struct TurningRotation {
  // `first` and `second` are w's derivatives.
  TurningRotation(const Eigen::Vector3d& w, const Eigen::Vector3d& first,
                  const Eigen::Vector3d& second);

  Eigen::Matrix3d rotation;
  Eigen::Vector3d velocity;      // rad/s
  Eigen::Vector3d acceleration;  // rad/s^2
};

Eigen::Quaterniond FromRotationVector(const Eigen::Vector3d& w);
// No longer than pi. `rotation` has length 1.
Eigen::Vector3d ToRotationVector(const Eigen::Quaterniond& rotation);
// Of the vectors of a rotation, which differ by turns of 2 pi, the one nearest to `previous`.
Eigen::Vector3d ToRotationVectorNear(const Eigen::Quaterniond& rotation,
                                     const Eigen::Vector3d& previous);

// The rotation about z in `rotation` = RotationZ(heading) tilt, where the tilt's axis is
// horizontal. In [-2 pi, 2 pi].
double Heading(const Eigen::Quaterniond& rotation);
Eigen::Quaterniond RotationZ(double angle_rad);

// `angle_rad` plus the multiple of 2 pi that brings it nearest to `previous_rad`.
double AngleNear(double angle_rad, double previous_rad);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_ROTATION_VECTOR_H_
