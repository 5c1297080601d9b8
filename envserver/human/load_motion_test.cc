#include "envserver/human/load_motion.h"

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/random/rng.h"
#include "envserver/human/testing/motion_files.h"
#include "envserver/human/testing/random_frames.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using Motion = absl::StatusOr<std::shared_ptr<const HumanMotion>>;

Motion LoadBvhText(const std::string& text, const LoadOptions& options = {}) {
  return LoadBvh(WriteTestFile("a.bvh", text), options);
}
Motion LoadAmcText(const std::string& asf, const std::string& amc,
                   const LoadOptions& options = {}) {
  const std::string asf_path = WriteTestFile("a.asf", asf);
  return LoadAmc(asf_path, WriteTestFile("a.amc", amc), options);
}

HumanPose PoseAt(const HumanMotion& motion, double t) {
  HumanPose pose;
  motion.At(t, {}, &pose);
  return pose;
}

Eigen::Vector3d Direction(const HumanPose& pose, int from, int to) {
  return (pose.position[to] - pose.position[from]).normalized();
}

// The errors' line and words.
void ExpectError(const Motion& motion, const std::vector<std::string>& parts) {
  ASSERT_FALSE(motion.ok());
  EXPECT_EQ(motion.status().code(), absl::StatusCode::kInvalidArgument);
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(motion.status().message(), part))
        << motion.status().message() << "\nlacks: " << part;
  }
}

TEST(LoadBvh, EachBoneOfTheFigurePointsWhereTheFilesDoes) {
  const std::vector<std::vector<std::pair<int, std::string>>> chains = {
      {{1, "LeftUpLeg"}, {4, "LeftLeg"}, {7, "LeftFoot"}, {10, "LeftToeBase"}},
      {{2, "RightUpLeg"}, {5, "RightLeg"}, {8, "RightFoot"}, {11, "RightToeBase"}},
      {{3, "Spine"}, {6, "Spine1"}, {9, "Spine2"}, {12, "Neck"}, {15, "Head"}},
      {{13, "LeftShoulder"},
       {16, "LeftArm"},
       {18, "LeftForeArm"},
       {20, "LeftHand"},
       {22, "LeftHandMiddle1"}},
      {{14, "RightShoulder"},
       {17, "RightArm"},
       {19, "RightForeArm"},
       {21, "RightHand"},
       {23, "RightHandMiddle1"}}};
  Rng rng({1});
  for (int i = 0; i < 60; ++i) {
    LoadOptions options;
    options.up = static_cast<LoadOptions::Up>(i % 3);
    options.begin_at_origin = false;
    RandomPose file = RandomBvh(rng, i % 3, i % 2 == 0 ? 0.01 : 1.0);
    if (i % 2 == 1) options.metres_per_unit = 0.1;  // The stage ends at 50 m.
    const Motion motion = LoadBvhText(file.text, options);
    ASSERT_TRUE(motion.ok()) << motion.status();
    const HumanPose pose = PoseAt(**motion, 0.07);
    EXPECT_LT(BoneError(pose), 1e-9);
    for (const auto& chain : chains) {
      for (size_t k = 0; k + 1 < chain.size(); ++k) {
        const Eigen::Vector3d expected =
            (file.position[chain[k + 1].second] - file.position[chain[k].second]).normalized();
        const Eigen::Vector3d got = Direction(pose, chain[k].first, chain[k + 1].first);
        ASSERT_LT((got - expected).norm(), 1e-4) << chain[k].second << " of file " << i;
      }
    }
    // Hips are the ends of bones of the pelvis, which is turned as the file's.
    const Eigen::Vector3d expected =
        (file.position["LeftUpLeg"] - file.position["RightUpLeg"]).normalized();
    ASSERT_LT((Direction(pose, kHip[1], kHip[0]) - expected).norm(), 1e-4);
  }
}

TEST(LoadBvh, PlacesScalesAndPutsOnTheFloorWhoeverWaves) {
  const Motion motion = LoadBvh(TestMotionPath("wave.bvh"));
  ASSERT_TRUE(motion.ok()) << motion.status();
  EXPECT_EQ((*motion)->name(), "wave");
  EXPECT_NEAR((*motion)->duration_s(), 1, 1e-4);
  const HumanPose begin = PoseAt(**motion, 0);
  EXPECT_LT(begin.position[kPelvis].head<2>().norm(), 1e-9);
  EXPECT_GT(Direction(begin, kHip[1], kHip[0]).y(), 0.999);
  // Arms out to the left; the right one lower.
  EXPECT_GT(Direction(begin, kShoulder[0], kWrist[0]).y(), 0.999);
  EXPECT_NEAR(Direction(begin, kShoulder[1], kWrist[1]).z(), -std::sin(70 * M_PI / 180), 0.01);
  const HumanPose middle = PoseAt(**motion, 0.5);
  EXPECT_GT(middle.position[kHand[0]].z(), middle.position[kHead].z() + 0.2);
  // It faces the file's +x and goes 20 cm along +z, to its right; legs are 80 cm where the file's
  // are 83.
  const HumanPose end = PoseAt(**motion, (*motion)->duration_s());
  EXPECT_NEAR(end.position[kPelvis].y(), -0.2 * 80.0 / 83, 2e-3);
  EXPECT_NEAR(end.position[kPelvis].x(), 0, 1e-6);
  double lowest = 1;
  for (double t = 0; t < 1; t += 0.01) {
    const HumanPose pose = PoseAt(**motion, t);
    for (int side = 0; side < 2; ++side) {
      lowest = std::min(
          {lowest, pose.position[kAnkle[side]].z() - 0.08, pose.position[kFoot[side]].z() - 0.03});
    }
  }
  EXPECT_NEAR(lowest, 0, 2e-3);

  LoadOptions options;
  options.metres_per_unit = 0.02;
  options.begin_at_origin = false;
  const HumanPose placed = PoseAt(**LoadBvh(TestMotionPath("wave.bvh"), options), 0);
  EXPECT_NEAR(placed.position[kPelvis].x(), 0.02 * 10, 1e-3);
  EXPECT_NEAR(placed.position[kPelvis].y(), 0.02 * 20, 1e-3);
}

TEST(LoadBvh, PlaysAPart) {
  LoadOptions options;
  options.begin_s = 0.2;
  options.end_s = 0.6;
  const Motion part = LoadBvh(TestMotionPath("wave.bvh"), options);
  ASSERT_TRUE(part.ok());
  EXPECT_NEAR((*part)->duration_s(), 0.4, 1e-4);
  const Motion whole = LoadBvh(TestMotionPath("wave.bvh"));
  EXPECT_LT((Direction(PoseAt(**part, 0.2), kShoulder[0], kElbow[0]) -
             Direction(PoseAt(**whole, 0.4), kShoulder[0], kElbow[0]))
                .norm(),
            2e-3);
  options.begin_s = 5;
  options.end_s = 0;
  ExpectError(LoadBvh(TestMotionPath("wave.bvh"), options), {"no 2 frames", "begin_s 5"});
  options.begin_s = -1;
  ExpectError(LoadBvh(TestMotionPath("wave.bvh"), options), {"begin_s is -1"});
}

// By hand: what CMU's files mean by their axes. lradius has axes C = Rz(90) Ry(30) Rx(180), and is
// turned by 90 degrees about its own x axis, which is C x = (0, cos 30, -sin 30), from (1, 0, 0):
// to (C x) x (1, 0, 0) = (0, -sin 30, -cos 30).
TEST(LoadAmc, TurnsBonesAboutTheirOwnAxes) {
  std::string amc = ReadTestMotion("bend.amc");
  const Motion motion = LoadAmcText(ReadTestMotion("bend.asf"), amc);
  ASSERT_TRUE(motion.ok()) << motion.status();
  EXPECT_NEAR((*motion)->duration_s(), 0.5, 1e-9);
  const HumanPose begin = PoseAt(**motion, 0);
  EXPECT_GT(Direction(begin, kShoulder[0], kElbow[0]).y(), 0.999);
  EXPECT_GT(Direction(begin, kElbow[0], kWrist[0]).y(), 0.999);
  // The right forearm is turned by 90 degrees in all frames, with axes Rz(-90) Ry(-30) Rx(180):
  // C x = (0, -cos 30, sin 30), and (C x) x (-1, 0, 0) = (0, -sin 30, -cos 30), y up: down and
  // back.
  const Eigen::Vector3d forearm = Direction(begin, kElbow[1], kWrist[1]);
  EXPECT_NEAR(forearm.x(), -std::cos(M_PI / 6), 4e-3);
  EXPECT_NEAR(forearm.y(), 0, 4e-3);
  EXPECT_NEAR(forearm.z(), -0.5, 4e-3);
  // Knees bend ahead, and the pelvis comes down by what both say.
  const HumanPose middle = PoseAt(**motion, 0.25);
  EXPECT_GT(middle.position[kKnee[0]].x(), middle.position[kHip[0]].x() + 0.2);
  EXPECT_LT(middle.position[kPelvis].z(), begin.position[kPelvis].z() - 0.07);
}

// First about x, which brings up to ahead, then about z, which leaves it there; in the other order
// the neck would point to the right.
TEST(LoadAmc, TurnsInTheOrderOfTheBonesDof) {
  const std::string amc =
      absl::StrReplaceAll(ReadTestMotion("bend.amc"), {{"lowerneck 0 0 0", "lowerneck 90 0 90"}});
  const Motion motion = LoadAmcText(ReadTestMotion("bend.asf"), amc);
  ASSERT_TRUE(motion.ok()) << motion.status();
  EXPECT_GT(Direction(PoseAt(**motion, 0), kNeck, kHead).x(), 0.99);
}

TEST(LoadAmc, TakesRadiansOtherOrdersAndOtherTimes) {
  const std::string asf = ReadTestMotion("bend.asf"), amc = ReadTestMotion("bend.amc");
  const Motion degrees = LoadAmcText(asf, amc);
  ASSERT_TRUE(degrees.ok());
  // A bone's numbers in another order: dof rz ry rx, turned in that order, is another rotation, but
  // lhumerus turns about z alone.
  std::string other_asf = asf, other_amc = amc;
  const size_t at = other_asf.find("name lhumerus");
  other_asf.replace(other_asf.find("rx ry rz", at), 8, "rz rx ry");
  LoadOptions options;
  options.amc_frame_s = 1.0 / 60;
  std::string lines;
  for (absl::string_view line : absl::StrSplit(amc, '\n')) {
    if (absl::StartsWith(line, "lhumerus")) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      absl::StrAppend(&lines, words[0], " ", words[3], " ", words[1], " ", words[2], "\n");
    } else {
      absl::StrAppend(&lines, line, "\n");
    }
  }
  const Motion other = LoadAmcText(other_asf, lines, options);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NEAR((*other)->duration_s(), 1, 1e-9);
  for (int joint = 0; joint < kHumanJoints; ++joint) {
    EXPECT_LT(
        (PoseAt(**other, 0.5).position[joint] - PoseAt(**degrees, 0.25).position[joint]).norm(),
        0.015);  // Knots are as far apart, but the motion is half as fast.
  }
  // All angles of the AMC by 180 / pi: too large in degrees, right in radians.
  std::string radians;
  for (absl::string_view line : absl::StrSplit(amc, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    absl::StrAppend(&radians, line == ":DEGREES" ? ":RADIANS" : words[0]);
    for (size_t i = 1; i < words.size(); ++i) {
      const bool is_angle = words[0] != "root" || i > 3;
      const double value = line[0] == '#' ? 0 : std::stod(words[i]) * (is_angle ? M_PI / 180 : 1);
      absl::StrAppend(&radians, " ", value);
    }
    radians += "\n";
  }
  const Motion same = LoadAmcText(asf, radians);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_LT(
      (PoseAt(**same, 0.25).position[kHand[0]] - PoseAt(**degrees, 0.25).position[kHand[0]]).norm(),
      1e-4);
}

TEST(LoadMotion, NamesOfOtherToolsAreKnown) {
  const std::string text = ReadTestMotion("wave.bvh");
  const Motion usual = LoadBvhText(text);
  ASSERT_TRUE(usual.ok());
  const std::vector<std::vector<std::pair<std::string, std::string>>> tools = {
      {{"Left", "mixamorig:Left"},
       {"Right", "mixamorig:Right"},
       {"Hips", "mixamorig:Hips"},
       {"Spine1", "mixamorig:Spine2"},
       {"Spine\n", "mixamorig:Spine1\n"},
       {"LowerBack", "mixamorig:Spine"}},
      // SMPL.
      {{"Hips", "Pelvis"},           {"LeftUpLeg", "L_Hip"},        {"LeftLeg", "L_Knee"},
       {"LeftFoot", "L_Ankle"},      {"LeftToeBase", "L_Foot"},     {"RightUpLeg", "R_Hip"},
       {"RightLeg", "R_Knee"},       {"RightFoot", "R_Ankle"},      {"RightToeBase", "R_Foot"},
       {"LowerBack", "Spine1"},      {"Spine\n", "Spine2\n"},       {"Spine1", "Spine3"},
       {"LeftShoulder", "L_Collar"}, {"LeftArm", "L_Shoulder"},     {"LeftForeArm", "L_Elbow"},
       {"LeftHand", "L_Wrist"},      {"RightShoulder", "R_Collar"}, {"RightArm", "R_Shoulder"},
       {"RightForeArm", "R_Elbow"},  {"RightHand", "R_Wrist"}},
      // Blender's suffixes.
      {{"LeftUpLeg", "thigh.L"},
       {"LeftLeg", "shin.L"},
       {"LeftFoot", "foot.L"},
       {"LeftToeBase", "toe.L"},
       {"LeftShoulder", "shoulder.L"},
       {"LeftArm", "upper_arm.L"},
       {"LeftForeArm", "forearm.L"},
       {"LeftHand", "hand.L"}},
  };
  for (const auto& tool : tools) {
    const Motion same = LoadBvhText(absl::StrReplaceAll(text, tool));
    ASSERT_TRUE(same.ok()) << same.status();
    for (int joint = 0; joint < kHumanJoints; ++joint) {
      EXPECT_LT((PoseAt(**same, 0.5).position[joint] - PoseAt(**usual, 0.5).position[joint]).norm(),
                1e-9)
          << tool[0].second << " " << HumanJointName(joint);
    }
  }
}

TEST(LoadMotion, UnknownNamesAreListedAndCanBeGiven) {
  const std::string text = absl::StrReplaceAll(
      ReadTestMotion("wave.bvh"), {{"LeftForeArm", "Ulna links"}, {"RightLeg", "Wade rechts"}});
  ExpectError(LoadBvhText(text),
              {"a.bvh", "left_elbow (leftforearm, leftradius", "right_knee (rightleg",
               "It has Hips, LeftUpLeg", "Ulna links", "joint_names"});
  LoadOptions options;
  options.joint_names = ParseJointNames("left_elbow=Ulna links, right_knee = Wade rechts ").value();
  const Motion motion = LoadBvhText(text, options);
  ASSERT_TRUE(motion.ok()) << motion.status();
  const Motion usual = LoadBvh(TestMotionPath("wave.bvh"));
  EXPECT_LT(
      (PoseAt(**motion, 0.4).position[kHand[0]] - PoseAt(**usual, 0.4).position[kHand[0]]).norm(),
      1e-9);
  options.joint_names = {{"left_ellbow", "Hips"}};
  ExpectError(LoadBvhText(text, options), {"no joint \"left_ellbow\"", "left_elbow"});
  options.joint_names = {{"left_elbow", "Ulna"}};
  ExpectError(LoadBvhText(text, options), {"no joint \"Ulna\" for left_elbow", "Ulna links"});

  EXPECT_TRUE(ParseJointNames("").value().empty());
  EXPECT_FALSE(ParseJointNames("left_hip").ok());
  EXPECT_FALSE(ParseJointNames("left_hip=").ok());
  EXPECT_FALSE(ParseJointNames("left_hip=a,left_hip=b").ok());
}

TEST(LoadBvh, ErrorsNameTheLineAndWhatIsWrong) {
  EXPECT_EQ(LoadBvh("/no/such.bvh").status().code(), absl::StatusCode::kNotFound);
  const std::string text = ReadTestMotion("wave.bvh");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    const size_t at = other.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return LoadBvhText(other.replace(at, from.size(), to));
  };
  ExpectError(LoadBvhText(""), {"a.bvh:1: HIERARCHY should be here; the file ends"});
  ExpectError(changed("HIERARCHY", "JOINTS"), {"a.bvh:1: HIERARCHY", "there is \"JOINTS\""});
  ExpectError(changed("OFFSET 9", "OFFSET x"), {"a.bvh:8: ", "number of OFFSET", "\"x\""});
  ExpectError(changed("OFFSET 9", "OFFSET nan"), {"a.bvh:8: ", "between -1e9 and 1e9"});
  ExpectError(changed("OFFSET 9", "OFFSET 1e10"), {"a.bvh:8: ", "between -1e9 and 1e9"});
  ExpectError(changed("CHANNELS 3", "CHANNELS 2"), {"a.bvh:9: ", "OFFSET, CHANNELS, JOINT"});
  ExpectError(changed("CHANNELS 3", "CHANNELS 7"), {"a.bvh:9: ", "0 to 6"});
  ExpectError(changed("Zrotation", "Wrotation"), {"a.bvh:5: ", "a channel", "\"Wrotation\""});
  ExpectError(changed("  JOINT LeftUpLeg", "  JOINT"), {"a.bvh:6: ", "no name"});
  ExpectError(changed("Frames: 31", "Frames: 32"),
              {"number 1 of 69 of frame 32 of 32", "the file ends"});
  ExpectError(changed("Frames: 31", "Frames: 30"), {"the end, after 30 frames"});
  ExpectError(changed("Frames: 31", "Frames: 1"), {"number of frames, 2 to"});
  ExpectError(changed("Frames: 31", "Frames: 2000000000"), {"number of frames, 2 to 434782"});
  ExpectError(changed("Frame Time: 0.0333333", "Frame Time: 0"), {"a frame takes 0 s"});
  ExpectError(changed("MOTION", "ROOT Other"), {"one ROOT is read"});
  ExpectError(changed("Yposition", "Zposition Xposition"), {"a.bvh:5", "\"Xrotation\""});
}

TEST(LoadBvh, RefusesASkeletonThatIsNone) {
  std::string flat;
  for (absl::string_view line : absl::StrSplit(ReadTestMotion("wave.bvh"), '\n')) {
    const bool is_offset = absl::StrContains(line, "OFFSET");
    absl::StrAppend(&flat, is_offset ? "OFFSET 0 0 0" : line, "\n");
  }
  ExpectError(LoadBvhText(flat), {"no legs"});
  // Far away.
  const std::string far =
      absl::StrReplaceAll(ReadTestMotion("wave.bvh"), {{"\n20 93 10 ", "\n20 93 1e8 "}});
  ExpectError(LoadBvhText(far), {"a.bvh: frame", "farther than 50 m"});
}

TEST(LoadAmc, ErrorsNameTheLineAndWhatIsWrong) {
  const std::string asf = ReadTestMotion("bend.asf"), amc = ReadTestMotion("bend.amc");
  const auto changed = [&](bool in_asf, const std::string& from, const std::string& to) {
    std::string other = in_asf ? asf : amc;
    const size_t at = other.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    other.replace(at, from.size(), to);
    return in_asf ? LoadAmcText(other, amc) : LoadAmcText(asf, other);
  };
  EXPECT_EQ(LoadAmc("/no/such.asf", "/no/such.amc").status().code(), absl::StatusCode::kNotFound);
  ExpectError(changed(true, "angle deg", "angle gon"), {"a.asf:7: deg or rad", "\"gon\""});
  ExpectError(changed(true, "direction 0.6", "direction a"), {"a.asf:19", "a number"});
  ExpectError(changed(true, "dof rx", "dof rw"), {"a.asf", "rx, ry, rz", "\"rw\""});
  ExpectError(changed(true, "axis 0 0 20 XYZ", "axis 0 0 20 XYY"), {"an order of axes as XYZ"});
  ExpectError(changed(true, "name lfemur", "name lhipjoint"), {"two bones lhipjoint"});
  ExpectError(changed(true, "root lhipjoint", "root lhip"), {"no parent yet", "\"lhip\""});
  ExpectError(changed(true, "root lhipjoint", "root"), {"lhipjoint has children here, but"});
  ExpectError(changed(true, "lfemur ltibia", "lfemur lhipjoint"), {"no parent yet"});
  ExpectError(changed(true, "order TX TY TZ RX RY RZ", "order"), {"root has no order"});
  ExpectError(changed(false, "\n2\n", "\n3\n"), {"frame 3 follows frame 1"});
  ExpectError(changed(false, "lradius", "ulna"), {"frame 1 has", "another of them", "\"ulna\""});
  ExpectError(changed(false, "rhumerus 0 0 0", "rhumerus 0 0"), {"number 3 of 3 of rhumerus"});
  ExpectError(changed(false, "rhumerus 0 0 0", "rhumerus 0 0 inf"), {"between -1e9 and 1e9"});
  ExpectError(changed(false, "rhumerus 0 0 0", "rhumerus 0 0 0 0"), {"another of them", "\"0\""});
  ExpectError(LoadAmcText(asf, ":DEGREES\n"), {"a.amc:1: there are 0 frames"});
  LoadOptions options;
  options.amc_frame_s = 0;
  ExpectError(LoadAmcText(asf, amc, options), {"amc_frame_s is 0"});
}

// A motion that was accepted can be played.
void ExpectFinite(const Motion& motion) {
  if (!motion.ok()) {
    EXPECT_EQ(motion.status().code(), absl::StatusCode::kInvalidArgument);
    return;
  }
  const HumanPose pose = PoseAt(**motion, (*motion)->duration_s() / 3);
  for (int joint = 0; joint < kHumanJoints; ++joint) {
    EXPECT_TRUE(pose.position[joint].allFinite());
    EXPECT_TRUE(pose.velocity[joint].allFinite());
    EXPECT_TRUE(pose.acceleration[joint].allFinite());
  }
}

TEST(LoadMotion, DamagedFilesAreRefusedOrPlayed) {
  Rng rng({2});
  const std::string bvh = ReadTestMotion("wave.bvh");
  std::string asf = ReadTestMotion("bend.asf"), amc = ReadTestMotion("bend.amc");
  amc.resize(amc.find("\n6\n") + 1);  // Short files are damaged more often where it matters.
  ASSERT_TRUE(LoadAmcText(asf, amc).ok());
  for (int i = 0; i < 400; ++i) {
    ExpectFinite(LoadBvhText(Damaged(rng, bvh)));
    ExpectFinite(LoadAmcText(Damaged(rng, asf), amc));
    ExpectFinite(LoadAmcText(asf, Damaged(rng, amc)));
  }
}

TEST(LoadMotion, AFileCutOffAnywhereIsRefusedOrPlayed) {
  const std::string bvh = ReadTestMotion("wave.bvh"), asf = ReadTestMotion("bend.asf");
  const std::string amc = ReadTestMotion("bend.amc");
  for (size_t at = 0; at < bvh.size() - 10; at += 23) {
    EXPECT_FALSE(LoadBvhText(bvh.substr(0, at)).ok());
  }
  for (size_t at = 0; at < asf.size() - 4; at += 23) {
    ExpectFinite(LoadAmcText(asf.substr(0, at), amc));
  }
  for (size_t at = 0; at < 1500; at += 7) ExpectFinite(LoadAmcText(asf, amc.substr(0, at)));
}

}  // namespace
}  // namespace armature
