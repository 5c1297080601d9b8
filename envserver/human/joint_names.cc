#include "envserver/human/joint_names.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace armature {
namespace {

constexpr size_t kListedMax = 100;  // Names of a file in an error.

struct Usual {
  int joint;  // Of a side: the left one, whose right one has the next number.
  bool has_sides;
  bool is_needed;
  const char* names;  // The first that is found, and not taken by a row above, is it.
};

// Of CMU's ASF and BVH files, Mixamo, SMPL, VRM, Unreal, 3ds Max's bipeds and others. Rows are in
// the order in which they choose: "LeftShoulder" is a shoulder only where there is no "LeftArm",
// and a foot a toe only where there is an ankle.
constexpr Usual kUsual[] = {
    {kPelvis, false, true, "hips pelvis root hip"},
    {kSpine[0], false, false, "lowerback spine abdomen chest spine1 spine01 torso"},
    {kSpine[1], false, false, "upperback spine spine1 spine2 chest chest2 spine02"},
    {kSpine[2], false, false, "thorax spine1 spine2 spine3 chest upperchest chest2 chest3 spine03"},
    {kNeck, false, false, "lowerneck neck neck1 neck01"},
    {kHead, false, false, "head"},
    {kHip[0], true, true, "upleg femur thigh upperleg hip hipjoint"},
    {kKnee[0], true, true, "leg tibia knee calf shin lowerleg lowleg"},
    {kAnkle[0], true, true, "ankle foot"},
    {kFoot[0], true, false, "toebase toes toe toe0 ball foot"},
    {kShoulder[0], true, true, "arm humerus upperarm uparm shldr shoulder"},
    {kCollar[0], true, false, "collar clavicle shoulder"},
    {kElbow[0], true, true, "forearm radius elbow lowerarm lowarm"},
    {kWrist[0], true, true, "wrist hand"},
    {kHand[0], true, false, "hand fingerbase handmiddle1 handindex1 middle1 fingers"},
};

// Lower-case letters and digits, without what is before the last colon and some tools' prefixes.
std::string Plain(absl::string_view name) {
  const size_t colon = name.rfind(':');
  if (colon != absl::string_view::npos) name.remove_prefix(colon + 1);
  std::string plain;
  for (char c : name) {
    if (absl::ascii_isalnum(c)) plain += absl::ascii_tolower(c);
  }
  absl::string_view rest = plain;
  for (absl::string_view prefix : {"mixamorig", "bip001", "bip01"})
    absl::ConsumePrefix(&rest, prefix);
  return std::string(rest);
}

std::vector<std::string> OfSide(absl::string_view name, int side) {
  const absl::string_view word = side == 0 ? "left" : "right";
  const absl::string_view letter = word.substr(0, 1);
  return {absl::StrCat(word, name), absl::StrCat(letter, name), absl::StrCat(name, letter),
          absl::StrCat(name, word)};
}

class Search {
 public:
  explicit Search(const RecordedMotion& motion) : motion_(motion) {
    found_.fill(-1);
    for (size_t i = 0; i < motion.joints.size(); ++i) {
      by_plain_name_.emplace(Plain(motion.joints[i].name), static_cast<int>(i));
    }
  }

  absl::Status TakeChosen(const std::map<std::string, std::string>& chosen) {
    for (const auto& [ours, theirs] : chosen) {
      int joint = 0;
      while (joint < kHumanJoints && HumanJointName(joint) != ours) ++joint;
      if (joint == kHumanJoints) {
        std::vector<absl::string_view> names;
        for (int i = 0; i < kHumanJoints; ++i) names.push_back(HumanJointName(i));
        return absl::InvalidArgumentError(absl::StrCat("the figure has no joint \"", ours,
                                                       "\"; it has ", absl::StrJoin(names, ", ")));
      }
      const auto at =
          std::find_if(motion_.joints.begin(), motion_.joints.end(),
                       [&name = theirs](const RecordedJoint& each) { return each.name == name; });
      if (at == motion_.joints.end()) {
        return absl::InvalidArgumentError(absl::StrCat(motion_.path, " has no joint \"", theirs,
                                                       "\" for ", ours, "; it has ", Names()));
      }
      Take(joint, static_cast<int>(at - motion_.joints.begin()));
    }
    return absl::OkStatus();
  }

  absl::Status TakeUsual() {
    std::vector<std::string> missing;
    for (const Usual& usual : kUsual) {
      for (int side = 0; side < (usual.has_sides ? 2 : 1); ++side) {
        const int joint = usual.joint + side;
        if (found_[joint] < 0) TakeFirst(joint, usual, side);
        if (found_[joint] >= 0 || !usual.is_needed) continue;
        missing.push_back(absl::StrCat(HumanJointName(joint), " (",
                                       absl::StrJoin(CandidatesOf(usual, side), ", "), ")"));
      }
    }
    if (missing.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(motion_.path, " lacks ", absl::StrJoin(missing, "; "), ". It has ", Names(),
                     ". Say which they are with joint_names"));
  }

  // Hands and feet without joints of their own are where the wrist's and ankle's bones end.
  void TakeEnds() {
    for (const auto* joints : {&kHand, &kFoot}) {
      for (int joint : *joints) {
        const int theirs = found_[HumanParent(joint)];
        if (found_[joint] >= 0 || theirs < 0) continue;
        const std::string end = absl::StrCat(motion_.joints[theirs].name, " End");
        for (size_t i = 0; i < motion_.joints.size(); ++i) {
          const RecordedJoint& each = motion_.joints[i];
          if (each.parent == theirs && each.name == end) Take(joint, static_cast<int>(i));
        }
      }
    }
  }

  const std::array<int, kHumanJoints>& found() const { return found_; }

 private:
  // As errors name them.
  static std::vector<std::string> CandidatesOf(const Usual& usual, int side) {
    std::vector<std::string> names;
    for (absl::string_view name : absl::StrSplit(usual.names, ' ')) {
      names.push_back(usual.has_sides ? OfSide(name, side).front() : std::string(name));
    }
    return names;
  }

  void TakeFirst(int joint, const Usual& usual, int side) {
    for (absl::string_view name : absl::StrSplit(usual.names, ' ')) {
      const std::vector<std::string> spellings =
          usual.has_sides ? OfSide(name, side) : std::vector<std::string>{std::string(name)};
      for (const std::string& spelling : spellings) {
        const auto at = by_plain_name_.find(spelling);
        if (at == by_plain_name_.end() || IsTaken(at->second)) continue;
        Take(joint, at->second);
        return;
      }
    }
  }

  bool IsTaken(int theirs) const {
    return std::find(found_.begin(), found_.end(), theirs) != found_.end();
  }
  void Take(int joint, int theirs) { found_[joint] = theirs; }

  std::string Names() const {
    std::vector<absl::string_view> names;
    for (const RecordedJoint& joint : motion_.joints) {
      if (names.size() == kListedMax) return absl::StrCat(absl::StrJoin(names, ", "), ", ...");
      names.push_back(joint.name);
    }
    return absl::StrJoin(names, ", ");
  }

  const RecordedMotion& motion_;
  std::map<std::string, int> by_plain_name_;
  std::array<int, kHumanJoints> found_;
};

}  // namespace

absl::StatusOr<std::array<int, kHumanJoints>> FindJoints(
    const RecordedMotion& motion, const std::map<std::string, std::string>& chosen) {
  Search search(motion);
  if (absl::Status status = search.TakeChosen(chosen); !status.ok()) return status;
  if (absl::Status status = search.TakeUsual(); !status.ok()) return status;
  search.TakeEnds();
  return search.found();
}

}  // namespace armature
