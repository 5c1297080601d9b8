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

// Steps of 1e-5 s: a difference over one is a derivative.
WorldOptions FineSteps();

// Without damping and effort limits.
BodyOptions NoDrag(bool fixed_base);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_TESTING_ROBOTS_H_
