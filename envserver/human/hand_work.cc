#include "envserver/human/hand_work.h"

#include <algorithm>
#include <cmath>

#include "envserver/human/human_figure.h"
#include "envserver/human/limb.h"
#include "envserver/human/ramp.h"
#include "envserver/human/rotation_vector.h"
#include "envserver/human/walk.h"

namespace armature {
namespace {

constexpr double kReachShare = 0.93;  // Of the straight arm, that a hand is reached out by.
constexpr double kLeanMax_rad = 1;
constexpr double kPelvisShare = 0.35;   // Of the lean; the spine does the rest.
constexpr double kPelvisBack_m = 0.14;  // That a lean of 1 moves the pelvis back, for balance.
constexpr double kTwist_rad = 0.3;      // Towards a hand that reaches as far as it can.
constexpr double kBow = 0.1;            // Of a hand's way.
constexpr double kMoveMin_s = 0.5;
constexpr int kBisections = 20;
constexpr double kStill_s = 0.1;
constexpr double kFrameTwist = 1.0 / 3;  // Each of three joints'.

struct Torso {
  double lean = 0;   // rad, ahead.
  double twist = 0;  // rad, about the spine; above 0 it brings the right shoulder ahead.
};

// One who stands, leaning, its arms not yet placed.
HumanFrame Leaning(const HumanFrame& standing, const Torso& torso) {
  HumanFrame frame = standing;
  frame.pelvis.x() -= kPelvisBack_m * std::sin(torso.lean);
  frame.rotation[kPelvis] = FromRotationVector({0, kPelvisShare * torso.lean, 0});
  for (int joint : kSpine) {
    frame.rotation[joint] =
        FromRotationVector({0, (1 - kPelvisShare) / 3 * torso.lean, kFrameTwist * torso.twist});
  }
  frame.rotation[kNeck] = FromRotationVector({0, -0.2 * torso.lean, -0.5 * torso.twist});
  return frame;
}

class Worker {
 public:
  Worker() : standing_(StandingFrame(0, 0, 0)) {
    const auto position = JointPositions(standing_);
    for (int side = 0; side < 2; ++side) {
      hang_[side] = position[kHand[side]] - position[kShoulder[side]];
      ankle_[side] = position[kAnkle[side]];
    }
  }

  // The least lean, and the twist, that bring all hands of `key` in reach.
  Torso TorsoFor(const HandKey& key) const {
    Torso low, high;
    high.lean = kLeanMax_rad;
    high.twist = kTwist_rad * ((key.hand[1] ? 1 : 0) - (key.hand[0] ? 1 : 0));
    if (Reaches(key, low)) return low;
    for (int i = 0; i < kBisections; ++i) {
      // Lean and twist grow together.
      const Torso middle = {(low.lean + high.lean) / 2, (low.twist + high.twist) / 2};
      (Reaches(key, middle) ? high : low) = middle;
    }
    return high;
  }

  // `is_out` [side]: 0 where the hand hangs, 1 where it is at `hand`.
  HumanFrame Frame(const Torso& torso, const Eigen::Vector3d hand[2],
                   const double is_out[2]) const {
    HumanFrame frame = Leaning(standing_, torso);
    for (int side = 0; side < 2; ++side) {
      const double outwards = side == 0 ? 1 : -1;
      const Eigen::Vector3d target =
          Hanging(frame, side) + is_out[side] * (hand[side] - Hanging(frame, side));
      PutHand(side, target, {-1, 0.3 * outwards, -0.5}, &frame);
      PutFoot(side, ankle_[side], Eigen::Vector3d::UnitX(), Eigen::Quaterniond::Identity(), &frame);
    }
    return frame;
  }

  // Where a hand hangs, of one who stands.
  Eigen::Vector3d Hanging(int side) const { return Hanging(standing_, side); }

 private:
  Eigen::Vector3d Hanging(const HumanFrame& frame, int side) const {
    return PlaceOf(frame, kShoulder[side]).position + hang_[side];
  }

  bool Reaches(const HandKey& key, const Torso& torso) const {
    const HumanFrame frame = Leaning(standing_, torso);
    for (int side = 0; side < 2; ++side) {
      if (!key.hand[side]) continue;
      const Eigen::Vector3d way = *key.hand[side] - PlaceOf(frame, kShoulder[side]).position;
      if (way.norm() > kReachShare * HandReach_m()) return false;
    }
    return true;
  }

  const HumanFrame standing_;
  Eigen::Vector3d hang_[2];  // From the shoulder.
  Eigen::Vector3d ankle_[2];
};

}  // namespace

std::vector<HumanFrame> PlanHandWork(absl::Span<const HandKey> keys, double hand_m_s) {
  const Worker worker;
  std::vector<HandKey> all(keys.begin(), keys.end());
  all.insert(all.begin(), HandKey{{}, kStill_s});
  all.push_back(HandKey{{}, kStill_s});
  std::vector<HumanFrame> frames;
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    const HandKey& from = all[i];
    const HandKey& to = all[i + 1];
    const Torso torso[] = {worker.TorsoFor(from), worker.TorsoFor(to)};
    Eigen::Vector3d begin[2], end[2];
    double farthest = 0;
    for (int side = 0; side < 2; ++side) {
      // A hand that hangs comes from, or goes to, where it hangs at that time.
      begin[side] = from.hand[side].value_or(to.hand[side].value_or(worker.Hanging(side)));
      end[side] = to.hand[side].value_or(begin[side]);
      const Eigen::Vector3d way = to.hand[side].value_or(worker.Hanging(side)) -
                                  from.hand[side].value_or(worker.Hanging(side));
      farthest = std::max(farthest, way.norm());
    }
    // A minimum-jerk motion's highest speed is 1.875 of the mean one.
    const double move_s = std::max(kMoveMin_s, 1.875 * farthest / hand_m_s);
    const int held = static_cast<int>(std::ceil(from.hold_s / kFrame_s)) + 1;
    const int moving = static_cast<int>(std::ceil(move_s / kFrame_s));
    for (int k = 0; k < held + moving; ++k) {
      const double x = std::max(0.0, static_cast<double>(k - held) / moving);
      const double share = MinimumJerk(x);
      Eigen::Vector3d hand[2];
      double is_out[2];
      for (int side = 0; side < 2; ++side) {
        const Eigen::Vector3d way = end[side] - begin[side];
        hand[side] = begin[side] + share * way;
        hand[side].z() += kBow * way.norm() * 16 * std::pow(share * (1 - share), 2);
        is_out[side] = (from.hand[side] ? 1 - share : 0) + (to.hand[side] ? share : 0);
      }
      frames.push_back(worker.Frame({torso[0].lean + share * (torso[1].lean - torso[0].lean),
                                     torso[0].twist + share * (torso[1].twist - torso[0].twist)},
                                    hand, is_out));
    }
  }
  const int still = static_cast<int>(std::ceil(all.back().hold_s / kFrame_s));
  frames.insert(frames.end(), still + 1, frames.front());
  return frames;
}

}  // namespace armature
