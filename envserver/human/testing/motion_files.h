// Motion files that tests write.
#ifndef ARMATURE_ENVSERVER_HUMAN_TESTING_MOTION_FILES_H_
#define ARMATURE_ENVSERVER_HUMAN_TESTING_MOTION_FILES_H_

#include <map>
#include <string>
#include <vector>

#include "Eigen/Core"
#include "common/random/rng.h"

namespace armature {

// A file of the test's own, in its temporary folder.
std::string WriteTestFile(const std::string& name, const std::string& text);
// Of envserver/human/testdata.
std::string TestMotionPath(const std::string& name);
std::string ReadTestMotion(const std::string& name);

// A skeleton that holds one random pose, and where its joints are then, z up, by matrices.
struct RandomPose {
  std::string text;  // The file.
  std::map<std::string, Eigen::Vector3d> position;
};
// A BVH of arms out or hanging at rest; each joint has its own order of channels. `up` is 0 to 2.
RandomPose RandomBvh(Rng& rng, int up, double unit);

// `text` with some of its words or bytes changed for the worse, or its end cut off.
std::string Damaged(Rng& rng, const std::string& text);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_TESTING_MOTION_FILES_H_
