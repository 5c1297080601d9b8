// Frames of a wild but smooth motion, and checks of any.
#ifndef ARMATURE_ENVSERVER_HUMAN_TESTING_RANDOM_FRAMES_H_
#define ARMATURE_ENVSERVER_HUMAN_TESTING_RANDOM_FRAMES_H_

#include <functional>
#include <vector>

#include "common/random/rng.h"
#include "envserver/human/human_motion.h"
#include "envserver/human/human_pose.h"

namespace armature {

// All joints turn about axes of their own as sums of sines, the pelvis also goes round and turns.
std::vector<HumanFrame> RandomFrames(Rng& rng, int count, double frame_s);

// The largest errors of a motion's velocities (m/s) and accelerations (m/s^2), beside central
// differences of its positions and velocities, over `samples` instants from begin_s to end_s.
struct DerivativeErrors {
  double velocity = 0;
  double acceleration = 0;
};
DerivativeErrors ErrorsOfDerivatives(const std::function<void(double, HumanPose*)>& at,
                                     double begin_s, double end_s, int samples);

// The largest difference between a bone of the pose and the figure's, m.
double BoneError(const HumanPose& pose);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_TESTING_RANDOM_FRAMES_H_
