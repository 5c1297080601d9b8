// Robots, and settings, that several tests of the world use.
#ifndef ARMATURE_ENVSERVER_BULLET_TESTING_ROBOTS_H_
#define ARMATURE_ENVSERVER_BULLET_TESTING_ROBOTS_H_

#include <memory>

#include "envserver/bullet/body.h"
#include "envserver/bullet/body_model.h"
#include "envserver/bullet/bullet_world.h"

namespace armature {

// Three joints that are crooked on purpose, "shoulder", "slide" and "wrist", between the links
// "base", "upper", "lower" and "hand".
std::shared_ptr<const BodyModel> TestArm();

// A trunk with one leg: links with several shapes each, so that contacts have parts.
std::shared_ptr<const BodyModel> TestLegged();

// A quadruped of 12.7 kg as large dogs are: 12 joints in the order hip, thigh, calf of the legs FL,
// FR, RL, RR; the feet are spheres, fixed to the calves. With `only_feet` nothing else has a shape.
std::shared_ptr<const BodyModel> TestQuadruped(bool only_feet);
// Its joints where it stands, by the name of a leg's joint.
constexpr double kQuadrupedStance[3] = {0, 0.8, -1.6};
constexpr double kQuadrupedHeight = 0.315;  // m, of the trunk.

// Steps of 1e-5 s: a difference over one is a derivative.
WorldOptions FineSteps();

// Without damping and effort limits.
BodyOptions NoDrag(bool fixed_base);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_TESTING_ROBOTS_H_
