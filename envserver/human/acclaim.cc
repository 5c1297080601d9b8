#include "envserver/human/acclaim.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "envserver/human/word_reader.h"

namespace armature {
namespace {

constexpr double kDegree = M_PI / 180;
constexpr double kDirectionMin = 1e-9;
constexpr int kRoot = 0;

struct Bone {
  Eigen::Vector3d way = Eigen::Vector3d::Zero();  // From its begin to its end, at rest.
  bool has_children = false;
  bool is_in_hierarchy = false;
};

class AsfReader {
 public:
  explicit AsfReader(WordReader words) : words_(std::move(words)) {
    RecordedJoint root;
    root.name = "root";
    root.turns_from_bone = true;
    motion_.joints.push_back(root);
    bones_.emplace_back();
    index_["root"] = kRoot;
  }

  absl::Status Read() {
    while (!words_.AtEnd()) {
      absl::Status status;
      if (words_.Take(":units")) {
        status = ReadUnits();
      } else if (words_.Take(":root")) {
        status = ReadRoot();
      } else if (words_.Take(":bonedata")) {
        status = ReadBones();
      } else if (words_.Take(":hierarchy")) {
        status = ReadHierarchy();
      } else if (absl::StartsWith(words_.Peek(), ":")) {
        // :version, :name, :documentation and sections of others.
        words_.Next();
        while (!words_.AtEnd() && !absl::StartsWith(words_.Peek(), ":")) words_.Next();
      } else {
        status = words_.Wanted("a section as :bonedata");
      }
      if (!status.ok()) return status;
    }
    return Finish();
  }

  // Of the file as it has been read; joints' parents have lower indices.
  RecordedMotion TakeMotion() { return std::move(motion_); }
  double angle_unit() const { return angle_unit_; }

 private:
  absl::Status ReadUnits() {
    while (!words_.AtEnd() && !absl::StartsWith(words_.Peek(), ":")) {
      const absl::string_view key = words_.Next();
      if (!absl::EqualsIgnoreCase(key, "angle")) {
        words_.RestOfLine();
      } else if (words_.Take("deg") || words_.Take("degrees")) {
        angle_unit_ = kDegree;
      } else if (words_.Take("rad") || words_.Take("radians")) {
        angle_unit_ = 1;
      } else {
        return words_.Wanted("deg or rad");
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadRoot() {
    Eigen::Vector3d orientation = Eigen::Vector3d::Zero();
    std::string axes = "xyz";
    RecordedJoint& root = motion_.joints[kRoot];
    while (!words_.AtEnd() && !absl::StartsWith(words_.Peek(), ":")) {
      absl::Status status;
      if (words_.Take("order")) {
        status = ReadChannels(&root.channels);
      } else if (words_.Take("axis")) {
        status = ReadAxisOrder(&axes);
      } else if (words_.Take("position")) {
        status = ReadVector(&root.offset);
      } else if (words_.Take("orientation")) {
        status = ReadVector(&orientation);
      } else {
        status = words_.Wanted("order, axis, position or orientation");
      }
      if (!status.ok()) return status;
    }
    root.axes = Axes(orientation, axes);
    return absl::OkStatus();
  }

  absl::Status ReadBones() {
    while (words_.Take("begin")) {
      if (motion_.joints.size() == kRecordedJointsMax) {
        return words_.Error(absl::StrCat("there are more than ", kRecordedJointsMax, " bones"));
      }
      if (absl::Status status = ReadBone(); !status.ok()) return status;
    }
    if (words_.AtEnd() || absl::StartsWith(words_.Peek(), ":")) return absl::OkStatus();
    return words_.Wanted("begin or a section");
  }

  absl::Status ReadBone() {
    RecordedJoint joint;
    joint.turns_from_bone = true;
    Eigen::Vector3d direction = Eigen::Vector3d::Zero(), axis = Eigen::Vector3d::Zero();
    double length = 0;
    std::string axes = "xyz";
    while (!words_.Take("end")) {
      absl::Status status;
      if (words_.Take("name")) {
        joint.name = std::string(words_.Next());
      } else if (words_.Take("direction")) {
        status = ReadVector(&direction);
      } else if (words_.Take("length")) {
        const absl::StatusOr<double> number = words_.Number("the length");
        if (!number.ok()) return number.status();
        length = *number;
      } else if (words_.Take("axis")) {
        status = ReadVector(&axis);
        if (status.ok()) status = ReadAxisOrder(&axes);
      } else if (words_.Take("dof")) {
        status = ReadChannels(&joint.channels);
      } else if (words_.Take("limits")) {
        SkipLimits();
      } else if (words_.Take("id") || words_.Take("bodymass") || words_.Take("cofmass")) {
        words_.RestOfLine();
      } else {
        status = words_.Wanted("name, direction, length, axis, dof, limits or end");
      }
      if (!status.ok()) return status;
    }
    if (joint.name.empty()) return words_.Error("a bone has no name");
    if (length > 0 && direction.norm() < kDirectionMin) {
      return words_.Error(absl::StrCat("bone ", joint.name, " has a length, but no direction"));
    }
    if (!index_.emplace(joint.name, static_cast<int>(motion_.joints.size())).second) {
      return words_.Error(absl::StrCat("there are two bones ", joint.name));
    }
    joint.axes = Axes(axis, axes);
    motion_.joints.push_back(std::move(joint));
    Bone bone;
    if (length > 0) bone.way = length * direction.normalized();
    bones_.push_back(bone);
    return absl::OkStatus();
  }

  // "limits (-160.0 20.0)", then a pair a line.
  void SkipLimits() {
    double number;
    while (!words_.AtEnd()) {
      std::string word = absl::AsciiStrToLower(words_.Peek());
      const size_t begin = word.find_first_not_of('(');
      const size_t end = word.find_last_not_of(')');
      word = begin == std::string::npos ? "" : word.substr(begin, end + 1 - begin);
      if (!word.empty() && !absl::SimpleAtod(word, &number)) return;
      words_.Next();
    }
  }

  absl::Status ReadHierarchy() {
    if (absl::Status status = words_.Expect("begin"); !status.ok()) return status;
    while (!words_.Take("end")) {
      const auto parent = index_.find(std::string(words_.Peek()));
      if (parent == index_.end()) return words_.Wanted("root, a bone of :bonedata, or end");
      words_.Next();
      if (parent->second != kRoot && !bones_[parent->second].is_in_hierarchy) {
        return words_.Error(absl::StrCat(parent->first, " has children here, but no parent above"));
      }
      while (!words_.AtLineEnd()) {
        const auto child = index_.find(std::string(words_.Peek()));
        if (child == index_.end() || child->second == kRoot ||
            bones_[child->second].is_in_hierarchy) {
          return words_.Wanted("a bone of :bonedata that has no parent yet");
        }
        words_.Next();
        bones_[child->second].is_in_hierarchy = true;
        bones_[parent->second].has_children = true;
        motion_.joints[child->second].parent = parent->second;
        order_.push_back(child->second);
      }
    }
    return absl::OkStatus();
  }

  // Joints in the hierarchy's order, in which parents come first, and where the last bones end.
  absl::Status Finish() {
    if (order_.empty()) return words_.Error("there is no :hierarchy of bones");
    if (motion_.joints[kRoot].channels.empty()) return words_.Error("the :root has no order");
    std::vector<int> place(motion_.joints.size(), -1);
    std::vector<RecordedJoint> joints = {motion_.joints[kRoot]};
    place[kRoot] = 0;
    for (int old : order_) {
      RecordedJoint joint = std::move(motion_.joints[old]);
      joint.offset = bones_[joint.parent].way;
      joint.parent = place[joint.parent];
      place[old] = static_cast<int>(joints.size());
      joints.push_back(std::move(joint));
    }
    for (int old : order_) {
      if (bones_[old].has_children) continue;
      RecordedJoint end;
      end.name = absl::StrCat(joints[place[old]].name, " End");
      end.parent = place[old];
      end.offset = bones_[old].way;
      joints.push_back(std::move(end));
    }
    for (RecordedJoint& joint : joints) {
      joint.first_channel = motion_.channels;
      motion_.channels += static_cast<int>(joint.channels.size());
    }
    motion_.joints = std::move(joints);
    return absl::OkStatus();
  }

  absl::Status ReadVector(Eigen::Vector3d* vector) {
    for (double& value : *vector) {
      const absl::StatusOr<double> number = words_.Number("a number");
      if (!number.ok()) return number.status();
      value = *number;
    }
    return absl::OkStatus();
  }

  absl::Status ReadAxisOrder(std::string* axes) {
    const std::string word = absl::AsciiStrToLower(words_.Peek());
    std::string sorted = word;
    std::sort(sorted.begin(), sorted.end());
    if (sorted != "xyz") return words_.Wanted("an order of axes as XYZ");
    words_.Next();
    *axes = word;
    return absl::OkStatus();
  }

  // "rx ry rz", "TX TY TZ RX RY RZ", "rx l".
  absl::Status ReadChannels(std::vector<RecordedJoint::Channel>* channels) {
    if (!channels->empty()) return words_.Error("dof or order is here twice");
    while (!words_.AtLineEnd()) {
      const std::string word = absl::AsciiStrToLower(words_.Peek());
      RecordedJoint::Channel channel;
      if (word == "l") {
        channel.is_used = false;  // The bone's length.
      } else if (word.size() == 2 && (word[0] == 'r' || word[0] == 't') && word[1] >= 'x' &&
                 word[1] <= 'z') {
        channel.is_turn = word[0] == 'r';
        channel.axis = word[1] - 'x';
      } else {
        return words_.Wanted("rx, ry, rz, tx, ty, tz or l");
      }
      words_.Next();
      channels->push_back(channel);
    }
    return absl::OkStatus();
  }

  Eigen::Quaterniond Axes(const Eigen::Vector3d& angles, const std::string& order) const {
    Eigen::Quaterniond axes = Eigen::Quaterniond::Identity();
    for (char letter : order) {
      const int axis = letter - 'x';
      axes = Eigen::AngleAxisd(angle_unit_ * angles[axis], Eigen::Vector3d::Unit(axis)) * axes;
    }
    return axes;
  }

  WordReader words_;
  RecordedMotion motion_;
  double angle_unit_ = kDegree;
  std::vector<Bone> bones_;           // [joints]
  std::map<std::string, int> index_;  // By name.
  std::vector<int> order_;            // Of the hierarchy, without the root.
};

absl::Status ReadAmc(WordReader words, double angle_unit, RecordedMotion* motion) {
  std::map<absl::string_view, int> index;
  int moved = 0;
  for (size_t i = 0; i < motion->joints.size(); ++i) {
    const RecordedJoint& joint = motion->joints[i];
    if (joint.channels.empty()) continue;
    index[joint.name] = static_cast<int>(i);
    ++moved;
  }
  while (absl::StartsWith(words.Peek(), ":")) {
    if (words.Take(":degrees")) {
      angle_unit = kDegree;
    } else if (words.Take(":radians")) {
      angle_unit = 1;
    } else {
      words.Next();
      words.RestOfLine();
    }
  }
  const int frames_max = motion->FramesMax();
  int previous = 0;
  for (int frame = 0; !words.AtEnd(); ++frame) {
    if (frame == frames_max) {
      return words.Error(absl::StrCat("there are more than ", frames_max, " frames"));
    }
    const absl::StatusOr<int> number = words.Integer("a frame's number", 0, 1'000'000'000);
    if (!number.ok()) return number.status();
    if (frame > 0 && *number != previous + 1) {
      return words.Error(absl::StrCat("frame ", *number, " follows frame ", previous));
    }
    previous = *number;
    const size_t begin = motion->values.size();
    motion->values.resize(begin + motion->channels);
    std::vector<bool> is_read(motion->joints.size());
    for (int k = 0; k < moved; ++k) {
      const auto found = index.find(words.Peek());
      if (found == index.end() || is_read[found->second]) {
        return words.Wanted(
            absl::StrCat("frame ", *number, " has ", k, " of ", moved, " bones; another of them"));
      }
      words.Next();
      is_read[found->second] = true;
      const RecordedJoint& joint = motion->joints[found->second];
      double* value = &motion->values[begin + joint.first_channel];
      for (size_t i = 0; i < joint.channels.size(); ++i) {
        const absl::StatusOr<double> read = words.Number(
            absl::StrCat("number ", i + 1, " of ", joint.channels.size(), " of ", joint.name));
        if (!read.ok()) return read.status();
        value[i] = *read * (joint.channels[i].is_turn ? angle_unit : 1);
      }
    }
  }
  if (motion->frames() >= 2) return absl::OkStatus();
  return words.Error(absl::StrCat("there are ", motion->frames(), " frames; needs 2"));
}

}  // namespace

absl::StatusOr<RecordedMotion> ReadAcclaim(const std::string& asf_path, const std::string& amc_path,
                                           double frame_s) {
  absl::StatusOr<WordReader> asf = WordReader::Open(asf_path, '#');
  if (!asf.ok()) return asf.status();
  AsfReader reader(*std::move(asf));
  if (absl::Status status = reader.Read(); !status.ok()) return status;
  const double angle_unit = reader.angle_unit();
  RecordedMotion motion = reader.TakeMotion();
  motion.path = amc_path;
  motion.frame_s = frame_s;
  absl::StatusOr<WordReader> amc = WordReader::Open(amc_path, '#');
  if (!amc.ok()) return amc.status();
  if (absl::Status status = ReadAmc(*std::move(amc), angle_unit, &motion); !status.ok()) {
    return status;
  }
  return motion;
}

}  // namespace armature
