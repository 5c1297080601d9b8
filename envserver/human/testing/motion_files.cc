#include "envserver/human/testing/motion_files.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "Eigen/Geometry"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

struct Node {
  const char* name;
  int parent;
  double x, y, z;  // z up, left +y, arms out.
};
constexpr Node kNodes[] = {
    {"Hips", -1, 0, 0, 0},
    {"LeftUpLeg", 0, 0, 0.1, -0.05},
    {"LeftLeg", 1, 0.01, 0, -0.45},
    {"LeftFoot", 2, 0, 0, -0.43},
    {"LeftToeBase", 3, 0.14, 0, -0.06},
    {"RightUpLeg", 0, 0, -0.1, -0.05},
    {"RightLeg", 5, 0.01, 0, -0.45},
    {"RightFoot", 6, 0, 0, -0.43},
    {"RightToeBase", 7, 0.14, 0, -0.06},
    {"Spine", 0, 0, 0, 0.12},
    {"Spine1", 9, 0.01, 0, 0.12},
    {"Spine2", 10, 0, 0, 0.13},
    {"Neck", 11, 0, 0, 0.2},
    {"Head", 12, 0.02, 0, 0.12},
    {"LeftShoulder", 11, 0, 0.05, 0.15},
    {"LeftArm", 14, 0, 0.14, 0.01},
    {"LeftForeArm", 15, 0, 0.3, 0},
    {"LeftHand", 16, 0, 0.26, 0},
    {"LeftHandMiddle1", 17, 0, 0.1, 0},
    {"RightShoulder", 11, 0, -0.05, 0.15},
    {"RightArm", 19, 0, -0.14, 0.01},
    {"RightForeArm", 20, 0, -0.3, 0},
    {"RightHand", 21, 0, -0.26, 0},
    {"RightHandMiddle1", 22, 0, -0.1, 0},
};

// What is (x, y, z) with z up has these coordinates where `up` is up.
Eigen::Vector3d WithUp(const Eigen::Vector3d& v, int up) {
  if (up == 0) return {v.z(), v.x(), v.y()};
  if (up == 1) return {v.y(), v.z(), v.x()};
  return v;
}

Eigen::Matrix3d Turn(int axis, double degrees) {
  const double c = std::cos(degrees * M_PI / 180), s = std::sin(degrees * M_PI / 180);
  Eigen::Matrix3d m;
  if (axis == 0) m << 1, 0, 0, 0, c, -s, 0, s, c;
  if (axis == 1) m << c, 0, s, 0, 1, 0, -s, 0, c;
  if (axis == 2) m << c, -s, 0, s, c, 0, 0, 0, 1;
  return m;
}

struct Writer {
  void Open(int node, int depth) {
    const std::string indent(depth, ' ');
    absl::StrAppend(&out, indent, depth == 0 ? "ROOT " : "JOINT ", kNodes[node].name, "\n", indent,
                    "{\n", indent, " OFFSET ", offset[node].x(), " ", offset[node].y(), " ",
                    offset[node].z(), "\n", indent, " CHANNELS ", channels[node], "\n");
    bool has_children = false;
    for (int child = node + 1; child < static_cast<int>(std::size(kNodes)); ++child) {
      if (kNodes[child].parent != node) continue;
      has_children = true;
      Open(child, depth + 1);
    }
    if (!has_children) {
      absl::StrAppend(&out, indent, " End Site\n", indent, " {\n", indent, "  OFFSET 0 0 0\n",
                      indent, " }\n");
    }
    absl::StrAppend(&out, indent, "}\n");
  }

  std::vector<Eigen::Vector3d> offset;
  std::vector<std::string> channels;
  std::string out;
};

}  // namespace

std::string WriteTestFile(const std::string& name, const std::string& text) {
  const char* folder = std::getenv("TEST_TMPDIR");
  const std::string path = absl::StrCat(folder == nullptr ? "/tmp" : folder, "/", name);
  std::ofstream(path) << text;
  return path;
}

std::string TestMotionPath(const std::string& name) { return "envserver/human/testdata/" + name; }

std::string ReadTestMotion(const std::string& name) {
  std::ifstream file(TestMotionPath(name));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

RandomPose RandomBvh(Rng& rng, int up, double unit) {
  constexpr int kCount = static_cast<int>(std::size(kNodes));
  constexpr const char* kLetters = "XYZ";
  const bool arms_hang = rng.Index(2) == 0;
  Writer writer;
  std::string values;
  std::vector<Eigen::Matrix3d> rotation(kCount);
  std::vector<Eigen::Vector3d> position(kCount);
  RandomPose pose;
  const Eigen::Vector3d root(rng.Uniform(-100, 100), rng.Uniform(-100, 100),
                             rng.Uniform(-100, 100));
  for (int i = 0; i < kCount; ++i) {
    const Node& node = kNodes[i];
    Eigen::Vector3d offset(node.x, node.y, node.z);
    const bool is_of_arm = (i >= 16 && i <= 18) || i >= 21;
    if (arms_hang && is_of_arm) offset = {0, 0, -std::abs(node.y)};
    offset = WithUp(offset / unit, up);
    writer.offset.push_back(offset);

    int axes[] = {0, 1, 2};
    for (int k = 2; k > 0; --k) std::swap(axes[k], axes[rng.Index(k + 1)]);
    std::string channels = i == 0 ? "6 Yposition" : "3";
    if (i == 0) absl::StrAppend(&values, root.y(), " ");
    rotation[i].setIdentity();
    for (int axis : axes) {
      const double angle = rng.Uniform(-40, 40);
      absl::StrAppend(&channels, " ", std::string(1, kLetters[axis]), "rotation");
      absl::StrAppend(&values, angle, " ");
      // As the number is written.
      rotation[i] *= Turn(axis, std::stod(absl::StrCat(angle)));
    }
    if (i == 0) {
      absl::StrAppend(&channels, " Zposition Xposition");
      absl::StrAppend(&values, root.z(), " ", root.x(), " ");
    }
    writer.channels.push_back(channels);
    position[i] =
        i == 0 ? root : Eigen::Vector3d(position[node.parent] + rotation[node.parent] * offset);
    if (i > 0) rotation[i] = rotation[node.parent] * rotation[i];
    // The inverse of WithUp.
    const Eigen::Vector3d& p = position[i];
    pose.position[node.name] = unit * (up == 0   ? Eigen::Vector3d(p.y(), p.z(), p.x())
                                       : up == 1 ? Eigen::Vector3d(p.z(), p.x(), p.y())
                                                 : p);
  }
  writer.out = "HIERARCHY\n";
  writer.Open(0, 0);
  pose.text = absl::StrCat(writer.out, "MOTION\nFrames: 4\nFrame Time: 0.05\n");
  for (int frame = 0; frame < 4; ++frame) absl::StrAppend(&pose.text, values, "\n");
  return pose;
}

std::string Damaged(Rng& rng, const std::string& text) {
  constexpr const char* kWords[] = {"",    "{",      "}",        "nan", "inf",   "-1",
                                    "1e9", "999999", "1e300",    "0",   "JOINT", "End Site",
                                    "end", "begin",  "CHANNELS", ":",   "#",     "9999999999999"};
  std::string damaged = text;
  const int64_t changes = 1 + rng.Index(3);
  for (int64_t i = 0; i < changes && !damaged.empty(); ++i) {
    const size_t at = rng.Index(static_cast<int64_t>(damaged.size()));
    switch (rng.Index(4)) {
      case 0:
        damaged[at] = static_cast<char>(rng.Index(256));
        break;
      case 1:
        damaged.resize(at);
        break;
      case 2: {  // Another word.
        const size_t begin = damaged.find_last_of(" \n", at);
        const size_t from = begin == std::string::npos ? 0 : begin + 1;
        const size_t end = std::min(damaged.find_first_of(" \n", from), damaged.size());
        damaged.replace(from, end - from, kWords[rng.Index(std::size(kWords))]);
        break;
      }
      default: {  // A line less.
        const size_t begin = damaged.find_last_of('\n', at);
        const size_t from = begin == std::string::npos ? 0 : begin;
        const size_t end = std::min(damaged.find_first_of('\n', from + 1), damaged.size());
        damaged.erase(from, end - from);
      }
    }
  }
  return damaged;
}

}  // namespace armature
