#include "envserver/human/bvh.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envserver/human/word_reader.h"

namespace armature {
namespace {

constexpr int kJointChannelsMax = 6;
constexpr double kFrameMin_s = 1e-4;
constexpr double kFrameMax_s = 1;

class BvhReader {
 public:
  explicit BvhReader(WordReader words) : words_(std::move(words)) { motion_.path = words_.path(); }

  absl::StatusOr<RecordedMotion> Read() {
    if (absl::Status status = ReadHierarchy(); !status.ok()) return status;
    if (absl::Status status = ReadMotion(); !status.ok()) return status;
    return std::move(motion_);
  }

 private:
  absl::Status ReadHierarchy() {
    if (absl::Status status = words_.Expect("HIERARCHY"); !status.ok()) return status;
    if (absl::Status status = words_.Expect("ROOT"); !status.ok()) return status;
    if (absl::Status status = BeginJoint(); !status.ok()) return status;
    while (!open_.empty()) {
      absl::Status status;
      if (words_.Take("}")) {
        open_.pop_back();
      } else if (words_.Take("OFFSET")) {
        status = ReadOffset();
      } else if (words_.Take("CHANNELS")) {
        status = ReadChannels();
      } else if (words_.Take("JOINT")) {
        status = BeginJoint();
      } else if (words_.Take("End")) {
        status = words_.Expect("Site");
        if (status.ok()) status = BeginEndSite();
      } else {
        status = words_.Wanted("OFFSET, CHANNELS, JOINT, End Site or }");
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status BeginJoint() {
    // Some names have spaces in them.
    std::vector<absl::string_view> name;
    while (!words_.AtLineEnd() && words_.Peek() != "{") name.push_back(words_.Next());
    if (name.empty()) return words_.Error("a joint has no name");
    return Begin(absl::StrJoin(name, " "));
  }

  absl::Status BeginEndSite() {
    words_.RestOfLine();  // Some name it.
    return Begin(absl::StrCat(motion_.joints[open_.back()].name, " End"));
  }

  absl::Status Begin(std::string name) {
    if (motion_.joints.size() == kRecordedJointsMax) {
      return words_.Error(absl::StrCat("there are more than ", kRecordedJointsMax, " joints"));
    }
    RecordedJoint joint;
    joint.name = std::move(name);
    joint.parent = open_.empty() ? -1 : open_.back();
    joint.first_channel = motion_.channels;
    open_.push_back(static_cast<int>(motion_.joints.size()));
    motion_.joints.push_back(std::move(joint));
    return words_.Take("{") ? absl::OkStatus() : words_.Wanted("{");
  }

  absl::Status ReadOffset() {
    for (double& value : motion_.joints[open_.back()].offset) {
      const absl::StatusOr<double> number = words_.Number("a number of OFFSET");
      if (!number.ok()) return number.status();
      value = *number;
    }
    return absl::OkStatus();
  }

  absl::Status ReadChannels() {
    RecordedJoint& joint = motion_.joints[open_.back()];
    // Their numbers would not follow each other.
    if (!joint.channels.empty() || joint.first_channel != motion_.channels) {
      return words_.Error(
          absl::StrCat(joint.name, ": CHANNELS should be here once, before its children"));
    }
    const absl::StatusOr<int> count =
        words_.Integer("the number of channels", 0, kJointChannelsMax);
    if (!count.ok()) return count.status();
    for (int i = 0; i < *count; ++i) {
      const std::string word = absl::AsciiStrToLower(words_.Peek());
      RecordedJoint::Channel channel;
      channel.is_turn = absl::EndsWith(word, "rotation");
      channel.axis = word.empty() ? -1 : word[0] - 'x';
      const absl::string_view kind = absl::string_view(word).substr(word.empty() ? 0 : 1);
      if (channel.axis < 0 || channel.axis > 2 || (kind != "rotation" && kind != "position")) {
        return words_.Wanted("a channel, Xposition to Zrotation,");
      }
      words_.Next();
      joint.channels.push_back(channel);
    }
    motion_.channels += *count;
    return absl::OkStatus();
  }

  absl::Status ReadMotion() {
    if (absl::EqualsIgnoreCase(words_.Peek(), "ROOT")) {
      return words_.Wanted("MOTION, as one ROOT is read,");
    }
    if (absl::Status status = words_.Expect("MOTION"); !status.ok()) return status;
    if (motion_.channels == 0) return words_.Error("no joint has CHANNELS");
    if (absl::Status status = words_.Expect("Frames:"); !status.ok()) return status;
    const absl::StatusOr<int> frames =
        words_.Integer("the number of frames", 2, motion_.FramesMax());
    if (!frames.ok()) return frames.status();
    if (absl::Status status = words_.Expect("Frame"); !status.ok()) return status;
    if (absl::Status status = words_.Expect("Time:"); !status.ok()) return status;
    const absl::StatusOr<double> frame_s = words_.Number("the time of a frame");
    if (!frame_s.ok()) return frame_s.status();
    if (!(*frame_s >= kFrameMin_s && *frame_s <= kFrameMax_s)) {
      return words_.Error(
          absl::StrCat("a frame takes ", *frame_s, " s; needs ", kFrameMin_s, " to ", kFrameMax_s));
    }
    motion_.frame_s = *frame_s;
    return ReadFrames(*frames);
  }

  absl::Status ReadFrames(int frames) {
    std::vector<double> scale;
    for (const RecordedJoint& joint : motion_.joints) {
      for (const auto& channel : joint.channels) {
        scale.push_back(channel.is_turn ? M_PI / 180 : 1);
      }
    }
    // Room is made as values come: a file may promise more than it has.
    for (int frame = 0; frame < frames; ++frame) {
      for (int i = 0; i < motion_.channels; ++i) {
        const absl::StatusOr<double> number = words_.Number(absl::StrCat(
            "number ", i + 1, " of ", motion_.channels, " of frame ", frame + 1, " of ", frames));
        if (!number.ok()) return number.status();
        motion_.values.push_back(*number * scale[i]);
      }
    }
    if (words_.AtEnd()) return absl::OkStatus();
    return words_.Wanted(absl::StrCat("the end, after ", frames, " frames,"));
  }

  WordReader words_;
  RecordedMotion motion_;
  std::vector<int> open_;  // Joints whose braces are open.
};

}  // namespace

absl::StatusOr<RecordedMotion> ReadBvh(const std::string& path) {
  absl::StatusOr<WordReader> words = WordReader::Open(path);
  if (!words.ok()) return words.status();
  return BvhReader(*std::move(words)).Read();
}

}  // namespace armature
