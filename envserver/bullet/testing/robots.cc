#include "envserver/bullet/testing/robots.h"

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

// Parsed once: worlds share models.
std::shared_ptr<const BodyModel> Parse(const char* urdf) { return *ParseUrdf(urdf, ""); }

}  // namespace

std::shared_ptr<const BodyModel> TestArm() {
  static const auto* model = new std::shared_ptr<const BodyModel>(Parse(kArm));
  return *model;
}

std::shared_ptr<const BodyModel> TestLegged() {
  static const auto* model = new std::shared_ptr<const BodyModel>(Parse(kLegged));
  return *model;
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
