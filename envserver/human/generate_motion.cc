#include "envserver/human/generate_motion.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/random/rng.h"
#include "envserver/human/hand_work.h"
#include "envserver/human/rotation_vector.h"
#include "envserver/human/walk.h"

namespace armature {
namespace {

using Frames = std::vector<HumanFrame>;

HandKey Key(int side, const Eigen::Vector3d& hand, double hold_s) {
  HandKey key;
  key.hand[side] = hand;
  key.hold_s = hold_s;
  return key;
}

Eigen::Vector3d Point(Rng& rng, const Eigen::Vector3d& low, const Eigen::Vector3d& high) {
  Eigen::Vector3d point;
  for (int i = 0; i < 3; ++i) point[i] = rng.Uniform(low[i], high[i]);
  return point;
}

// Mostly the hand on the point's side.
int SideFor(Rng& rng, const Eigen::Vector3d& point) {
  const int near = point.y() > 0 ? 0 : 1;
  return rng.Uniform(0, 1) < 0.8 ? near : 1 - near;
}

double HandSpeed_m_s(Rng& rng) { return rng.Uniform(0.8, 1.4); }

// Nobody stands at the same place twice.
void PlaceSomewhere(Rng& rng, Frames* frames) {
  const Eigen::Vector3d place(rng.Uniform(-0.05, 0.05), rng.Uniform(-0.15, 0.15), 0);
  const Eigen::Quaterniond heading = RotationZ(rng.Uniform(-0.15, 0.15));
  for (HumanFrame& frame : *frames) {
    frame.pelvis = place + heading * frame.pelvis;
    frame.rotation[0] = heading * frame.rotation[0];
  }
}

Frames WalkPast(Rng& rng) {
  const double side = rng.Uniform(0, 1) < 0.5 ? 1 : -1;
  const double begin[] = {rng.Uniform(-0.5, 0.2), side * rng.Uniform(1.3, 1.8)};
  const double end[] = {rng.Uniform(-0.5, 0.2), -side * rng.Uniform(1.3, 1.8)};
  const double heading = -side * M_PI / 2;
  Pace pace;
  pace.walk_m_s = rng.Uniform(0.4, 0.55);
  pace.step_s = rng.Uniform(0.58, 0.68);
  pace.arm_swing = rng.Uniform(1, 2);
  return PlanWay(StandingFrame(begin[0], begin[1], heading), StandingFrame(end[0], end[1], heading),
                 pace);
}

Frames ReachIn(Rng& rng) {
  const Eigen::Vector3d point = Point(rng, {0.4, -0.35, 0.85}, {0.8, 0.35, 1.3});
  const HandKey key = Key(SideFor(rng, point), point, rng.Uniform(0.2, 1.5));
  return PlanHandWork({key}, HandSpeed_m_s(rng));
}

Frames Pick(Rng& rng) {
  const Eigen::Vector3d from = Point(rng, {0.4, -0.35, 0.85}, {0.7, 0.35, 0.9});
  const Eigen::Vector3d to = Point(rng, {0.35, -0.35, 0.85}, {0.65, 0.35, 0.9});
  const Eigen::Vector3d up(0, 0, rng.Uniform(0.1, 0.25));
  const int side = SideFor(rng, from);
  const double grip_s = rng.Uniform(0.2, 0.6);
  return PlanHandWork({Key(side, from + up, 0), Key(side, from, grip_s), Key(side, from + up, 0),
                       Key(side, to + up, 0), Key(side, to, grip_s)},
                      HandSpeed_m_s(rng));
}

Frames WorkAtTable(Rng& rng) {
  std::vector<HandKey> keys(4 + rng.Index(4));
  for (HandKey& key : keys) {
    key.hand[0] = Point(rng, {0.35, 0.05, 0.85}, {0.6, 0.3, 1});
    key.hand[1] = Point(rng, {0.35, -0.3, 0.85}, {0.6, -0.05, 1});
    key.hold_s = rng.Uniform(0, 0.8);
  }
  return PlanHandWork(keys, HandSpeed_m_s(rng));
}

Frames HandOver(Rng& rng) {
  const Eigen::Vector3d point = Point(rng, {0.5, -0.2, 0.95}, {0.75, 0.2, 1.25});
  const HandKey key = Key(SideFor(rng, point), point, rng.Uniform(1, 3));
  return PlanHandWork({key}, HandSpeed_m_s(rng));
}

struct Generator {
  absl::string_view name;
  Frames (*frames)(Rng& rng);
};
constexpr Generator kGenerators[] = {{"walk_past", WalkPast},
                                     {"reach_in", ReachIn},
                                     {"pick", Pick},
                                     {"work_at_table", WorkAtTable},
                                     {"hand_over", HandOver}};

}  // namespace

absl::Span<const absl::string_view> GeneratedMotionNames() {
  static const auto& names = *new std::vector<absl::string_view>([] {
    std::vector<absl::string_view> all;
    for (const Generator& generator : kGenerators) all.push_back(generator.name);
    return all;
  }());
  return names;
}

absl::StatusOr<std::shared_ptr<const HumanMotion>> GenerateMotion(absl::string_view name,
                                                                  uint64_t seed) {
  for (uint64_t i = 0; i < std::size(kGenerators); ++i) {
    if (kGenerators[i].name != name) continue;
    Rng rng({seed, i});
    Frames frames = kGenerators[i].frames(rng);
    if (name != "walk_past") PlaceSomewhere(rng, &frames);
    return WithinBounds(absl::StrCat(name, "_", seed), frames);
  }
  return absl::NotFoundError(absl::StrCat("no motion \"", name, "\" can be generated; there are ",
                                          absl::StrJoin(GeneratedMotionNames(), ", ")));
}

}  // namespace armature
