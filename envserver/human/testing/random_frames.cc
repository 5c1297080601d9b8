#include "envserver/human/testing/random_frames.h"

#include <algorithm>
#include <cmath>

#include "envserver/human/rotation_vector.h"

namespace armature {

std::vector<HumanFrame> RandomFrames(Rng& rng, int count, double frame_s) {
  struct Wave {
    Eigen::Vector3d axis;
    double frequency, phase;
  };
  std::vector<Wave> waves;
  for (int i = 0; i < 2 * kHumanJoints; ++i) {
    waves.push_back({{rng.Uniform(-0.5, 0.5), rng.Uniform(-0.5, 0.5), rng.Uniform(-0.5, 0.5)},
                     rng.Uniform(1, 6),
                     rng.Uniform(0, 6)});
  }
  std::vector<HumanFrame> frames(count);
  for (int i = 0; i < count; ++i) {
    const double t = i * frame_s;
    for (int joint = 0; joint < kHumanJoints; ++joint) {
      Eigen::Quaterniond& rotation = frames[i].rotation[joint];
      rotation.setIdentity();
      for (const Wave* wave : {&waves[2 * joint], &waves[2 * joint + 1]}) {
        rotation =
            rotation * FromRotationVector(std::sin(wave->frequency * t + wave->phase) * wave->axis);
      }
    }
    frames[i].pelvis = {std::cos(t), std::sin(t), 0.95 + 0.1 * std::sin(3 * t)};
    frames[i].rotation[0] = RotationZ(t + 2) * frames[i].rotation[0];
  }
  return frames;
}

DerivativeErrors ErrorsOfDerivatives(const std::function<void(double, HumanPose*)>& at,
                                     double begin_s, double end_s, int samples) {
  constexpr double kHalf_s = 1e-5;
  DerivativeErrors errors;
  for (int i = 0; i < samples; ++i) {
    // Never at a knot, where the third derivative jumps.
    const double t = begin_s + (end_s - begin_s) * (i + 0.377) / samples;
    HumanPose before, now, after;
    at(t - kHalf_s, &before);
    at(t, &now);
    at(t + kHalf_s, &after);
    for (int joint = 0; joint < kHumanJoints; ++joint) {
      const Eigen::Vector3d velocity =
          (after.position[joint] - before.position[joint]) / (2 * kHalf_s);
      const Eigen::Vector3d acceleration =
          (after.velocity[joint] - before.velocity[joint]) / (2 * kHalf_s);
      errors.velocity = std::max(errors.velocity, (velocity - now.velocity[joint]).norm());
      errors.acceleration =
          std::max(errors.acceleration, (acceleration - now.acceleration[joint]).norm());
    }
  }
  return errors;
}

double BoneError(const HumanPose& pose) {
  double error = 0;
  for (int joint = 1; joint < kHumanJoints; ++joint) {
    const double length = (pose.position[joint] - pose.position[HumanParent(joint)]).norm();
    error = std::max(error, std::abs(length - HumanOffset(joint).norm()));
  }
  return error;
}

}  // namespace armature
