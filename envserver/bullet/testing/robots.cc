#include "envserver/bullet/testing/robots.h"

#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "envserver/bullet/urdf.h"

namespace armature {
namespace {

constexpr char kArm[] = R"(
<robot name="arm">
  <link name="base">
    <inertial><origin xyz="0.02 0.01 0.03"/><mass value="3"/>
      <inertia ixx="0.05" ixy="0.01" ixz="0" iyy="0.06" iyz="0" izz="0.07"/></inertial>
    <collision><geometry><box size="0.1 0.1 0.1"/></geometry></collision>
  </link>
  <joint name="shoulder" type="revolute">
    <parent link="base"/><child link="upper"/><origin xyz="0 0 0.3" rpy="0.2 0 0.1"/>
    <axis xyz="0 1 0"/><limit lower="-3" upper="3" effort="5" velocity="9"/>
  </joint>
  <link name="upper">
    <inertial><origin xyz="0.2 0.01 0"/><mass value="2"/>
      <inertia ixx="0.01" ixy="0.002" ixz="0" iyy="0.03" iyz="0" izz="0.03"/></inertial>
  </link>
  <joint name="slide" type="prismatic">
    <parent link="upper"/><child link="lower"/><origin xyz="0.4 0 0" rpy="0 0.4 0"/>
    <axis xyz="1 0 1"/><limit lower="-1" upper="1" effort="100" velocity="9"/>
  </joint>
  <link name="lower">
    <inertial><origin xyz="0.1 0 0.05"/><mass value="1"/>
      <inertia ixx="0.01" ixy="0" ixz="0" iyy="0.02" iyz="0" izz="0.02"/></inertial>
  </link>
  <joint name="wrist" type="continuous">
    <parent link="lower"/><child link="hand"/><origin xyz="0.1 0.2 0"/><axis xyz="0 0 1"/>
  </joint>
  <link name="hand">
    <inertial><origin xyz="0.05 0 0"/><mass value="0.5"/>
      <inertia ixx="0.001" ixy="0" ixz="0" iyy="0.002" iyz="0" izz="0.002"/></inertial>
    <collision><geometry><sphere radius="0.05"/></geometry></collision>
  </link>
</robot>)";

constexpr char kLegged[] = R"(
<robot name="robot">
  <link name="trunk">
    <inertial><mass value="2"/>
      <inertia ixx="0.02" ixy="0" ixz="0" iyy="0.02" iyz="0" izz="0.02"/></inertial>
    <collision><origin xyz="0.1 0 0"/><geometry><box size="0.1 0.2 0.1"/></geometry></collision>
    <collision><origin xyz="-0.1 0 0"/><geometry><sphere radius="0.07"/></geometry></collision>
  </link>
  <joint name="hip" type="revolute">
    <parent link="trunk"/><child link="leg"/><origin xyz="0 0.15 0"/><axis xyz="0 1 0"/>
    <limit lower="-1" upper="1" effort="20" velocity="10"/><dynamics damping="0.1"/>
  </joint>
  <link name="leg">
    <inertial><origin xyz="0 0 -0.1"/><mass value="0.5"/>
      <inertia ixx="0.002" ixy="0" ixz="0" iyy="0.002" iyz="0" izz="0.001"/></inertial>
    <collision><origin xyz="0 0 -0.1"/>
      <geometry><cylinder radius="0.03" length="0.2"/></geometry></collision>
    <collision><origin xyz="0 0 -0.2"/><geometry><sphere radius="0.04"/></geometry></collision>
  </link>
</robot>)";

constexpr char kTrunk[] = R"(
  <link name="trunk">
    <inertial><origin xyz="0.02 0 -0.005"/><mass value="5"/>
      <inertia ixx="0.017" ixy="-0.0002" ixz="0.0001" iyy="0.06" iyz="0" izz="0.07"/></inertial>
    SHAPE<collision><geometry><box size="0.36 0.1 0.11"/></geometry></collision>END
  </link>
  <joint name="imu_joint" type="fixed">
    <parent link="trunk"/><child link="imu"/><origin xyz="-0.02 0 0.01"/>
  </joint>
  <link name="imu">
    <inertial><mass value="0.05"/>
      <inertia ixx="1e-5" ixy="0" ixz="0" iyy="1e-5" iyz="0" izz="1e-5"/></inertial>
  </link>)";

// X and Y: 1 or -1 for front or rear, left or right.
constexpr char kLeg[] = R"(
  <joint name="LEG_hip" type="revolute">
    <parent link="trunk"/><child link="LEG_hip"/><origin xyz="X0.19 Y0.047 0"/><axis xyz="1 0 0"/>
    <limit lower="-0.86" upper="0.86" effort="24" velocity="30"/>
  </joint>
  <link name="LEG_hip">
    <inertial><origin xyz="X-0.005 Y0.001 0"/><mass value="0.7"/>
      <inertia ixx="0.0005" ixy="0" ixz="0" iyy="0.0008" iyz="0" izz="0.0006"/></inertial>
    SHAPE<collision><origin xyz="0 Y0.08 0" rpy="1.5708 0 0"/>
      <geometry><cylinder radius="0.045" length="0.04"/></geometry></collision>END
  </link>
  <joint name="LEG_thigh" type="revolute">
    <parent link="LEG_hip"/><child link="LEG_thigh"/><origin xyz="0 Y0.08 0"/><axis xyz="0 1 0"/>
    <limit lower="-0.68" upper="4.5" effort="24" velocity="30"/>
  </joint>
  <link name="LEG_thigh">
    <inertial><origin xyz="-0.003 Y-0.02 -0.03"/><mass value="1"/>
      <inertia ixx="0.006" ixy="0" ixz="-0.0003" iyy="0.006" iyz="Y0.0001" izz="0.001"/></inertial>
    SHAPE<collision><origin xyz="0 0 -0.1"/>
      <geometry><box size="0.03 0.025 0.2"/></geometry></collision>END
  </link>
  <joint name="LEG_calf" type="revolute">
    <parent link="LEG_thigh"/><child link="LEG_calf"/><origin xyz="0 0 -0.21"/><axis xyz="0 1 0"/>
    <limit lower="-2.8" upper="-0.88" effort="35" velocity="20"/>
  </joint>
  <link name="LEG_calf">
    <inertial><origin xyz="0.006 0 -0.11"/><mass value="0.15"/>
      <inertia ixx="0.002" ixy="0" ixz="0" iyy="0.002" iyz="0" izz="4e-5"/></inertial>
    SHAPE<collision><origin xyz="0 0 -0.1"/>
      <geometry><box size="0.016 0.016 0.18"/></geometry></collision>END
  </link>
  <joint name="LEG_foot" type="fixed">
    <parent link="LEG_calf"/><child link="LEG_foot"/><origin xyz="0 0 -0.21"/>
  </joint>
  <link name="LEG_foot">
    <inertial><mass value="0.06"/>
      <inertia ixx="1e-5" ixy="0" ixz="0" iyy="1e-5" iyz="0" izz="1e-5"/></inertial>
    <collision><geometry><sphere radius="0.023"/></geometry></collision>
  </link>)";

// Parsed once: worlds share models.
std::shared_ptr<const BodyModel> Parse(const std::string& urdf) { return *ParseUrdf(urdf, ""); }

std::shared_ptr<const BodyModel> ParseQuadruped(bool only_feet) {
  std::string urdf = absl::StrCat("<robot name=\"quadruped\">", kTrunk);
  for (const char* leg : {"FL", "FR", "RL", "RR"}) {
    const char* x = leg[0] == 'F' ? "" : "-";
    const char* y = leg[1] == 'L' ? "" : "-";
    std::string part = absl::StrReplaceAll(
        kLeg, {{"X-", leg[0] == 'F' ? "-" : ""}, {"Y-", leg[1] == 'L' ? "-" : ""}});
    absl::StrAppend(&urdf, absl::StrReplaceAll(part, {{"LEG", leg}, {"X", x}, {"Y", y}}));
  }
  const char* begin = only_feet ? "<!--" : "";
  const char* end = only_feet ? "-->" : "";
  return Parse(
      absl::StrCat(absl::StrReplaceAll(urdf, {{"SHAPE", begin}, {"END", end}}), "</robot>"));
}

}  // namespace

std::shared_ptr<const BodyModel> TestArm() {
  static const auto* model = new std::shared_ptr<const BodyModel>(Parse(kArm));
  return *model;
}

std::shared_ptr<const BodyModel> TestLegged() {
  static const auto* model = new std::shared_ptr<const BodyModel>(Parse(kLegged));
  return *model;
}

std::shared_ptr<const BodyModel> TestQuadruped(bool only_feet) {
  static const auto* models = new std::array<std::shared_ptr<const BodyModel>, 2>{
      ParseQuadruped(false), ParseQuadruped(true)};
  return (*models)[only_feet ? 1 : 0];
}

WorldOptions FineSteps() {
  WorldOptions options;
  options.time_step_s = 1e-5;
  return options;
}

BodyOptions NoDrag(bool fixed_base) {
  BodyOptions options;
  options.fixed_base = fixed_base;
  options.linear_damping = 0;
  options.angular_damping = 0;
  options.effort_limits = false;
  return options;
}

}  // namespace armature
