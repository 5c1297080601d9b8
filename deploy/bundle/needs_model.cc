// A program with a model of its own, for bundle_layout_test.sh: prints it.
#include <fstream>
#include <iostream>

#include "envserver/bullet/model_folder.h"

int main() {
  const auto folder =
      armature::FindModelFolder("my_robot", "armature/deploy/bundle/testdata/my_robot");
  if (!folder.ok()) {
    std::cerr << folder.status().message() << std::endl;
    return 1;
  }
  std::cout << std::ifstream(*folder + "/my_robot.urdf").rdbuf();
  return 0;
}
