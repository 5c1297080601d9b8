// Troubles of URDFs in the wild, one each: what is honoured, what is warned of, what is refused.

#include "envserver/bullet/urdf.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/mesh.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using testing::HasSubstr;
using testing::Not;

// A base and an arm on a joint; the arguments are put into joint and arm.
std::string Arm(const std::string& in_joint, const std::string& in_arm,
                const std::string& type = "revolute", const std::string& more = "") {
  return absl::StrCat(R"(<robot name="r"><link name="base"><inertial><mass value="1"/>
      <inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial></link>
      <joint name="j" type=")",
                      type, R"("><parent link="base"/><child link="arm"/><axis xyz="0 0 1"/>)",
                      in_joint, "</joint><link name=\"arm\">", in_arm, "</link>", more, "</robot>");
}

constexpr char kInertial[] =
    "<inertial><origin xyz='0.1 0 0'/><mass value='1'/><inertia ixx='0.01' ixy='0' ixz='0' "
    "iyy='0.01' iyz='0' izz='0.01'/></inertial>";
constexpr char kLimit[] = "<limit lower='-1' upper='1' effort='3' velocity='4'/>";

std::shared_ptr<const BodyModel> Read(const std::string& urdf, const std::string& folder = "") {
  auto model = ParseUrdf(urdf, folder, UrdfOptions{});
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *model : nullptr;
}

std::string Refusal(const std::string& urdf, const std::string& folder = "") {
  return std::string(ParseUrdf(urdf, folder, UrdfOptions{}).status().message());
}

std::string Warnings(const BodyModel& model) { return absl::StrJoin(model.warnings, "\n"); }

// Steps with the joint pushed, and expects numbers.
void ExpectFinite(const std::shared_ptr<const BodyModel>& model) {
  BulletWorld world(WorldOptions{});
  BodyOptions options;
  options.fixed_base = true;
  Body* body = world.AddBody(model, options);
  for (int i = 0; i < 200; ++i) {
    for (int dof = 0; dof < body->num_dofs(); ++dof) body->AddJointForce(dof, 0.1);
    world.Step();
  }
  for (int link = kBase; link < body->num_links(); ++link) {
    EXPECT_TRUE(std::isfinite(body->LinkPose(link).getOrigin().length2())) << link;
  }
  for (double each : body->joint_velocities()) EXPECT_TRUE(std::isfinite(each));
}

class FolderTest : public testing::Test {
 protected:
  FolderTest() : root_(testing::TempDir() + "/ws") {
    std::filesystem::remove_all(root_);
    Write("src/my_robot/package.xml", "<package><name>my_robot</name></package>");
    Write("src/my_robot/meshes/a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\n");
    Write("src/my_robot/urdf/r.urdf", "");
    Write("renamed/urdf/r.urdf", "");
    Write("elsewhere/other_robot/meshes/a.obj", "v 0 0 0\nv 2 0 0\nv 0 1 0\nf 1 2 3\n");
    // The package is in a folder with another name.
    Write("renamed/package.xml", "<package><name>third_robot</name></package>");
    Write("renamed/meshes/a.obj", "v 0 0 0\nv 3 0 0\nv 0 1 0\nf 1 2 3\n");
  }
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + path).parent_path());
    std::ofstream(root_ + "/" + path, std::ios::binary) << text;
  }
  static std::string WithMesh(const std::string& name) {
    return absl::StrCat("<robot name='r'><link name='l'>", kInertial,
                        "<collision><geometry><mesh filename='", name,
                        "' scale='0.5 0.5 0.5'/></geometry></collision></link></robot>");
  }
  // Largest x of the link's mesh.
  static double Width(const std::shared_ptr<const BodyModel>& model) {
    double width = 0;
    const SceneMesh& mesh = *model->base.collision_looks[0].mesh;
    for (size_t i = 0; i < mesh.vertices.size(); i += 3) {
      width = std::max<double>(width, mesh.vertices[i]);
    }
    return width;
  }
  std::string root_;
};

TEST_F(FolderTest, Trouble1MeshesOfRosPackagesAreFound) {
  const std::string urdf_folder = root_ + "/src/my_robot/urdf";
  EXPECT_EQ(Width(Read(WithMesh("package://my_robot/meshes/a.obj"), urdf_folder)), 1);
  EXPECT_EQ(Width(Read(WithMesh("../meshes/a.obj"), urdf_folder)), 1);
  EXPECT_EQ(Width(Read(WithMesh("file://" + root_ + "/src/my_robot/meshes/a.obj"), "")), 1);
  EXPECT_EQ(Width(Read(WithMesh("package://third_robot/meshes/a.obj"), root_ + "/renamed/urdf")),
            3);
  setenv("ROS_PACKAGE_PATH", absl::StrCat("/nowhere:", root_, "/elsewhere").c_str(), 1);
  EXPECT_EQ(Width(Read(WithMesh("package://other_robot/meshes/a.obj"), urdf_folder)), 2);
  unsetenv("ROS_PACKAGE_PATH");
  EXPECT_THAT(Refusal(WithMesh("package://other_robot/meshes/a.obj"), urdf_folder),
              HasSubstr(root_ + "/src/other_robot/meshes/a.obj"));
  UrdfOptions options;
  options.package_folders = {root_ + "/elsewhere"};
  EXPECT_TRUE(ParseUrdf(WithMesh("package://other_robot/meshes/a.obj"), urdf_folder, options).ok());
}

TEST_F(FolderTest, Trouble2StlAndColladaMeshesAreRead) {
  Write("text.stl",
        "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 4 0 0\n"
        "vertex 0 1 0\nendloop\nendfacet\nendsolid a\n");
  EXPECT_EQ(Width(Read(WithMesh("text.stl"), root_)), 4);
  std::string binary(84, ' ');
  binary[80] = 1;
  binary[81] = binary[82] = binary[83] = 0;
  const float numbers[12] = {0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1, 0};
  binary.append(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  binary.append(2, '\0');
  Write("binary.STL", binary);
  EXPECT_EQ(Width(Read(WithMesh("binary.STL"), root_)), 5);
  Write("broken.stl", binary.substr(0, 100));
  EXPECT_THAT(Refusal(WithMesh("broken.stl"), root_), HasSubstr("broken.stl"));
  // Centimetres, y up, moved by its node: x stays, y becomes z.
  Write("a.dae", R"(<COLLADA><asset><unit meter="0.01"/><up_axis>Y_UP</up_axis></asset>
    <library_geometries><geometry id="g"><mesh>
      <source id="p"><float_array id="f" count="12">0 0 0 600 0 0 600 100 0 0 100 0</float_array>
      </source>
      <vertices id="v"><input semantic="POSITION" source="#p"/></vertices>
      <polylist count="1"><input semantic="VERTEX" source="#v" offset="0"/>
        <input semantic="NORMAL" source="#n" offset="1"/>
        <vcount>4</vcount><p>0 0 1 0 2 0 3 0</p></polylist>
    </mesh></geometry></library_geometries>
    <library_visual_scenes><visual_scene id="s"><node><translate>100 0 0</translate>
      <instance_geometry url="#g"/></node></visual_scene></library_visual_scenes></COLLADA>)");
  const auto dae = Read(WithMesh("a.dae"), root_);
  EXPECT_NEAR(Width(dae), 7, 1e-6);
  const SceneMesh& mesh = *dae->base.collision_looks[0].mesh;
  EXPECT_EQ(mesh.triangles, (std::vector<int32_t>{0, 1, 2, 0, 2, 3}));
  EXPECT_NEAR(mesh.vertices[8], 1, 1e-6);
  Write("a.ply", "ply");
  EXPECT_THAT(Refusal(WithMesh("a.ply"), root_), HasSubstr(".obj, .stl and .dae"));
}

TEST_F(FolderTest, Trouble3AMissingVisualMeshIsWarnedOfAndShownByItsCollision) {
  const auto model = Read(absl::StrCat(
      "<robot name='r'><link name='l'>", kInertial,
      "<visual><geometry><mesh filename='package://gone/a.dae'/></geometry></visual><collision>"
      "<geometry><sphere radius='0.1'/></geometry></collision></link></robot>"));
  EXPECT_THAT(Warnings(*model), HasSubstr("link 'l': there is no mesh 'package://gone/a.dae'"));
  EXPECT_TRUE(model->base.looks.empty());
  EXPECT_EQ(model->base.collision_looks.size(), 1);
}

TEST(UrdfTest, Trouble4CapsulesCylindersAndColours) {
  const auto model = Read(absl::StrCat(
      "<robot name='r'><material name='red'><color rgba='1 0 0 1'/></material><link name='l'>",
      kInertial,
      "<visual><geometry><capsule radius='0.1' length='0.4'/></geometry><material name='red'/>"
      "</visual><collision><geometry><capsule radius='0.1' length='0.4'/></geometry></collision>"
      "<collision><geometry><cylinder radius='0.2' length='0.6'/></geometry></collision>"
      "<collision><geometry><box size='0 0 0'/></geometry></collision></link></robot>"));
  EXPECT_EQ(model->base.looks[0].kind, SceneShape::Kind::kCapsule);
  EXPECT_EQ(model->base.looks[0].colour, (Colour{1, 0, 0, 1}));
  ASSERT_EQ(model->base.collision_looks.size(), 2);
  EXPECT_EQ(model->base.collision_looks[1].size, (std::array<double, 3>{0.2, 0.6, 0}));
  EXPECT_THAT(Warnings(*model), HasSubstr("size of 0 and is left out"));
  EXPECT_THAT(Refusal("<robot name='r'><link name='l'><collision><geometry><torus radius='1'/>"
                      "</geometry></collision></link></robot>"),
              HasSubstr("<torus>"));
}

TEST(UrdfTest, Trouble5AMimicJointFollows) {
  const auto model = Read(Arm(kLimit, kInertial, "revolute",
                              absl::StrCat("<joint name='k' type='revolute'><parent link='base'/>"
                                           "<child link='finger'/><axis xyz='0 0 1'/>",
                                           kLimit,
                                           "<mimic joint='j' multiplier='-0.5' offset='0.1'/>"
                                           "</joint><link name='finger'>",
                                           kInertial, "</link>")));
  for (const bool fixed_base : {true, false}) {
    BulletWorld world(WorldOptions{});
    world.SetGravity(btVector3(0, 0, 0));
    BodyOptions options;
    options.fixed_base = fixed_base;
    Body* body = world.AddBody(model, options);
    body->SetJoints({0, 0.1}, {0, 0});
    MotorTarget target;
    target.position = 0.8;
    target.kp = 0.1;
    target.force_max = 3;
    body->SetMotor(body->Joint("j"), target);
    for (int i = 0; i < 500; ++i) world.Step();
    EXPECT_NEAR(body->joint_position(0), 0.8, 1e-2);
    EXPECT_NEAR(body->joint_position(1), -0.5 * body->joint_position(0) + 0.1, 1e-3);
  }
  EXPECT_THAT(Refusal(Arm("<mimic joint='nobody'/>", kInertial)),
              HasSubstr("joint 'j' mimics 'nobody'"));
}

TEST(UrdfTest, Trouble6LimitsDampingAndEffortAreKeptAndOddOnesNamed) {
  const auto model =
      Read(Arm(absl::StrCat(kLimit, "<dynamics damping='0.4' friction='0.2'/>"), kInertial));
  const LinkModel& arm = model->links[0];
  EXPECT_EQ(arm.joint_name, "j");
  EXPECT_EQ(arm.effort_max, 3);
  EXPECT_EQ(arm.velocity_max, 4);
  EXPECT_EQ(arm.damping, 0.4);
  EXPECT_EQ(arm.friction, 0.2);
  EXPECT_TRUE(model->warnings.empty()) << Warnings(*model);
  const auto odd = Read(Arm("<limit lower='2' upper='1' effort='0'/>", kInertial));
  EXPECT_FALSE(odd->links[0].has_limits);
  EXPECT_TRUE(std::isinf(odd->links[0].effort_max));
  EXPECT_THAT(Warnings(*odd), HasSubstr("joint 'j' has a lower limit of 2"));
  EXPECT_THAT(Warnings(*odd), HasSubstr("effort of 0, read as unlimited"));
  const auto continuous =
      Read(Arm("<limit lower='-1' upper='1' effort='3' velocity='4'/>", kInertial, "continuous"));
  EXPECT_FALSE(continuous->links[0].has_limits);
  EXPECT_EQ(continuous->links[0].effort_max, 3);
}

TEST(UrdfTest, Trouble7ContactOfALinkIsHonoured) {
  const auto model =
      Read(Arm(kLimit, absl::StrCat(kInertial,
                                    "<contact><lateral_friction value='0.9'/><rolling_friction "
                                    "value='0.01'/><stiffness value='3e4'/><damping value='1e3'/>"
                                    "<friction_anchor/><contact_erp value='1'/></contact>")));
  const ContactMaterial& material = *model->links[0].material;
  EXPECT_EQ(material.friction, 0.9);
  EXPECT_EQ(material.rolling_friction, 0.01);
  EXPECT_EQ(material.stiffness, 3e4);
  EXPECT_TRUE(material.friction_anchor);
  EXPECT_THAT(Warnings(*model), HasSubstr("<contact_erp> (1)"));
  EXPECT_THAT(Refusal(Arm(kLimit, "<contact><lateral_friction value='-1'/></contact>")),
              HasSubstr("link 'arm' has a lateral_friction of -1"));
}

TEST(UrdfTest, Trouble8AMovingLinkWithoutMassGetsALittle) {
  for (const char* type : {"revolute", "prismatic", "continuous"}) {
    const auto model = Read(Arm(kLimit, "", type));
    EXPECT_THAT(Warnings(*model), HasSubstr("joint 'j' moves no"));
    ExpectFinite(model);
  }
  // A point mass on the axis has none about it either.
  const auto on_axis = Read(Arm(kLimit, "<inertial><mass value='1'/></inertial>"));
  EXPECT_THAT(Warnings(*on_axis), HasSubstr("joint 'j' moves no inertia"));
  ExpectFinite(on_axis);
  // A massless link that carries another is fine as it is.
  const auto carries =
      Read(Arm(kLimit, "", "revolute",
               absl::StrCat("<joint name='k' type='fixed'><parent link='arm'/><child link='hand'/>"
                            "</joint><link name='hand'>",
                            kInertial, "</link>")));
  EXPECT_TRUE(carries->warnings.empty()) << Warnings(*carries);
  ExpectFinite(carries);
}

TEST(UrdfTest, Trouble9ImpossibleInertiasAreWarnedOfOrRefused) {
  const auto inertial = [](const std::string& mass, const std::string& moments) {
    return absl::StrCat("<inertial><mass value='", mass, "'/><inertia ", moments, "/></inertial>");
  };
  const auto huge = Read(
      Arm(kLimit, inertial("0.1", "ixx='1000' iyy='1000' izz='1000' ixy='0' ixz='0' iyz='0'")));
  EXPECT_THAT(Warnings(*huge), HasSubstr("a radius of gyration of 100 m"));
  ExpectFinite(huge);
  const auto thin =
      Read(Arm(kLimit, inertial("1", "ixx='1' iyy='0.1' izz='0.1' ixy='0' ixz='0' iyz='0'")));
  EXPECT_THAT(Warnings(*thin), HasSubstr("link 'arm' has principal moments"));
  EXPECT_THAT(
      Refusal(Arm(kLimit, inertial("1", "ixx='1' iyy='1' izz='-1' ixy='0' ixz='0' iyz='0'"))),
      HasSubstr("link 'arm' has a principal moment of inertia of -1"));
  EXPECT_THAT(
      Refusal(Arm(kLimit, inertial("1", "ixx='1' iyy='1' izz='1' ixy='9' ixz='0' iyz='0'"))),
      HasSubstr("principal moment"));
  const auto estimated =
      Read(Arm(kLimit, inertial("1", "ixx='1' iyy='1' izz='0.9' ixy='1.1' ixz='0' iyz='0'")));
  EXPECT_THAT(Warnings(*estimated), HasSubstr("which becomes 0"));
  ExpectFinite(estimated);
  EXPECT_THAT(Refusal(Arm(kLimit, inertial("-1", ""))), HasSubstr("mass of -1"));
  EXPECT_THAT(Refusal(Arm(kLimit, inertial("nan", ""))), HasSubstr("value='nan'"));
}

// A link of `inertial` and one of kInertial, on a joint of this type.
std::shared_ptr<const BodyModel> DummyAndRealLink(const std::string& inertial,
                                                  const std::string& type) {
  return Read(absl::StrCat("<robot name='r'><link name='dummy'>", inertial,
                           "</link><joint name='a' type='", type,
                           "'><parent link='dummy'/><child link='trunk'/><limit lower='-1' "
                           "upper='1' effort='3' velocity='4'/></joint><link name='trunk'>",
                           kInertial, "</link></robot>"));
}

// The first as ANYmal B has it: robots begin with such a base, since some programs want one without
// inertia.
TEST(UrdfTest, Trouble9AnOddInertiaIsNotWarnedOfWhereItIsSlightBesideWhatItIsFixedTo) {
  const auto all_of = [](const std::string& mass, const std::string& moment) {
    return absl::StrCat("<inertial><mass value='", mass, "'/><inertia ixx='", moment, "' iyy='",
                        moment, "' izz='", moment, "' ixy='", moment, "' ixz='", moment, "' iyz='",
                        moment, "'/></inertial>");
  };
  const std::string point = "<inertial><mass value='0.001'/></inertial>";
  const std::string no_mass = "<inertial><inertia ixx='1e-6' iyy='1e-6' izz='1e-6'/></inertial>";
  for (const std::string& inertial : {all_of("1e-6", "1e-6"), point, no_mass}) {
    EXPECT_THAT(Warnings(*DummyAndRealLink(inertial, "fixed")), Not(HasSubstr("link 'dummy'")));
    EXPECT_THAT(Warnings(*DummyAndRealLink(inertial, "revolute")), HasSubstr("link 'dummy' has"));
  }
  EXPECT_THAT(Warnings(*DummyAndRealLink(all_of("1e-6", "1e-4"), "fixed")),
              HasSubstr("above the sum"))
      << "0.0003 beside 0.01 kg.m2";
  EXPECT_THAT(Warnings(*DummyAndRealLink(all_of("0.1", "1e-6"), "fixed")),
              HasSubstr("above the sum"))
      << "0.1 beside 1 kg";
  // The last digit of a computer's number is no one's mistake.
  EXPECT_THAT(Warnings(*DummyAndRealLink(all_of("1e-6", "1e-6"), "revolute")),
              Not(HasSubstr("becomes 0")));
}

TEST(UrdfTest, Trouble10AMasslessBaseTakesWhatIsFixedToIt) {
  const std::string urdf = absl::StrCat(
      "<robot name='r'><link name='base_link'/><joint name='a' type='fixed'><parent "
      "link='base_link'/><child link='trunk'/><origin xyz='0 0 1'/></joint><link name='trunk'>",
      kInertial,
      "<collision><geometry><box size='0.2 0.2 0.2'/></geometry></collision></link></robot>");
  const auto model = Read(urdf);
  EXPECT_EQ(model->base.mass, 1);
  EXPECT_EQ(model->links[0].mass, 0);
  EXPECT_LT((model->base.inertial_frame.getOrigin() - btVector3(0.1, 0, 1)).length(), 1e-12);
  EXPECT_THAT(Warnings(*model), HasSubstr("takes those of trunk"));
  BulletWorld world(WorldOptions{});
  world.AddPlane(BodyOptions{});
  BodyOptions options;
  options.base_pose.setOrigin(btVector3(0, 0, -0.8));
  const Body* body = world.AddBody(model, options);
  for (int i = 0; i < 300; ++i) world.Step();
  EXPECT_NEAR(body->LinkPose(0).getOrigin().z(), 0.1, 2e-3);
  EXPECT_NEAR(world.Contacts(*body).NormalForce(), 9.81, 0.1);
}

TEST(UrdfTest, Trouble11WhatIsLeftOfXacroIsNamed) {
  EXPECT_THAT(
      Refusal("<robot name='r'><xacro:include filename='a.xacro'/><link name='l'/></robot>"),
      HasSubstr("<xacro:include>: this is a xacro file"));
  EXPECT_THAT(Refusal(Arm(kLimit, "<inertial><mass value='${mass}'/></inertial>")),
              HasSubstr("<mass> has value='${mass}'; expected a number; it is left from xacro"));
  const auto model = Read(
      "<robot name='r' xmlns:xacro='x'><xacro:property name='p' value='1'/><gazebo/><gazebo/>"
      "<transmission name='t'/><link name='l'/></robot>");
  EXPECT_THAT(Warnings(*model),
              HasSubstr("<gazebo> (2), <transmission> (1), <xacro:property> (1)"));
}

TEST(UrdfTest, Trouble12LinksThatAreNoTreeAreRefusedByName) {
  const auto joint = [](const std::string& name, const std::string& parent,
                        const std::string& child) {
    return absl::StrCat("<joint name='", name, "' type='fixed'><parent link='", parent,
                        "'/><child link='", child, "'/></joint>");
  };
  const auto robot = [](const std::string& inside) {
    return absl::StrCat("<robot name='r'>", inside, "</robot>");
  };
  const std::string a = "<link name='a'/>", b = "<link name='b'/>", c = "<link name='c'/>";
  EXPECT_THAT(Refusal(robot(a + b)), HasSubstr("a, b have no parent"));
  EXPECT_THAT(Refusal(robot(a + b + joint("x", "a", "b") + joint("y", "b", "a"))),
              HasSubstr("ring"));
  EXPECT_THAT(Refusal(robot(a + b + c + joint("x", "b", "c") + joint("y", "c", "b"))),
              HasSubstr("ring"));
  EXPECT_THAT(Refusal(robot(a + b + joint("x", "a", "d"))),
              HasSubstr("joint 'x' has the child 'd', which is no link"));
  EXPECT_THAT(Refusal(robot(a + b + c + joint("x", "a", "b") + joint("y", "c", "b"))),
              HasSubstr("link 'b' is the child of two joints"));
  EXPECT_THAT(Refusal(robot(a + a)), HasSubstr("two links are named 'a'"));
  EXPECT_THAT(Refusal(Arm("", kInertial, "floating")),
              HasSubstr("joint 'j' is of type 'floating'"));
  EXPECT_THAT(Refusal("<robot name='r'>"), HasSubstr("does not parse"));
  EXPECT_THAT(Refusal("<sdf/>"), HasSubstr("no <robot>"));
}

}  // namespace
}  // namespace armature
