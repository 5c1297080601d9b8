#include "envserver/kit/model_cache.h"

#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace armature {
namespace {

std::string WriteRobot() {
  const std::string path = testing::TempDir() + "/robot.urdf";
  std::ofstream(path) << "<robot name='r'><link name='l'><inertial><mass value='1'/>"
                         "<inertia ixx='1' ixy='0' ixz='0' iyy='1' iyz='0' izz='1'/></inertial>"
                         "<collision><geometry><sphere radius='0.1'/></geometry></collision>"
                         "</link></robot>";
  return path;
}

TEST(ModelCacheTest, AFileIsReadOnceForTheSameOptions) {
  const std::string path = WriteRobot();
  const BodyModel* first = LoadUrdfOnce(path, {})->get();  // Kept while nobody uses it.
  EXPECT_EQ(LoadUrdfOnce(path, {})->get(), first);
  EXPECT_NE(LoadUrdfOnce(path, {InertiaSource::kCollisionBox})->get(), first);
  UrdfOptions no_looks;
  no_looks.read_looks = false;
  EXPECT_NE(LoadUrdfOnce(path, no_looks)->get(), first);
  UrdfOptions packages;
  packages.package_folders = {"/robots"};
  EXPECT_NE(LoadUrdfOnce(path, packages)->get(), first);
}

TEST(ModelCacheTest, AFailureIsNotKept) {
  const std::string path = testing::TempDir() + "/later.urdf";
  EXPECT_EQ(LoadUrdfOnce(path, {}).status().code(), absl::StatusCode::kNotFound);
  std::ofstream(path) << "<robot name='r'><link name='l'/></robot>";
  EXPECT_TRUE(LoadUrdfOnce(path, {}).ok());
}

}  // namespace
}  // namespace armature
