#include "envserver/tasks/anymal/anymal_mirror.h"

#include "envserver/tasks/anymal/height_scan.h"

namespace armature {
namespace {

// Positions, velocities and directions; and what turns.
Mirror Vector() { return {{0, 1, 2}, {1, -1, 1}}; }
Mirror Turn() { return {{0, 1, 2}, {-1, 1, -1}}; }

}  // namespace

void Mirror::Append(const Mirror& other) {
  const int offset = static_cast<int>(from.size());
  for (const int index : other.from) from.push_back(offset + index);
  sign.insert(sign.end(), other.sign.begin(), other.sign.end());
}

Mirror MirrorAction() {
  Mirror mirror;
  for (const int leg : {1, 0, 3, 2}) {  // LF, RF, LH, RH.
    for (int joint = 0; joint < 3; ++joint) {
      mirror.from.push_back(3 * leg + joint);
      mirror.sign.push_back(joint == 0 ? -1 : 1);
    }
  }
  return mirror;
}

Mirror MirrorObservation() {
  Mirror mirror = {{0}, {1}};  // Height.
  mirror.Append(Vector());     // Up.
  mirror.Append(MirrorAction());
  mirror.Append(Vector());
  mirror.Append(Turn());
  mirror.Append(MirrorAction());
  return mirror;
}

Mirror MirrorRoughObservation(bool linear_velocity, bool heights) {
  Mirror mirror;
  if (linear_velocity) mirror.Append(Vector());
  mirror.Append(Turn());
  mirror.Append(Vector());                  // Gravity.
  mirror.Append({{0, 1, 2}, {1, -1, -1}});  // The command: forward, left, turn.
  for (int i = 0; i < 3; ++i) mirror.Append(MirrorAction());
  if (!heights) return mirror;
  Mirror scan;
  for (int column = 0; column < kHeightScanColumns; ++column) {
    for (int row = kHeightScanRows - 1; row >= 0; --row) {
      scan.from.push_back(column * kHeightScanRows + row);
      scan.sign.push_back(1);
    }
  }
  mirror.Append(scan);
  return mirror;
}

MirrorSpec DeclaredMirror(const Mirror& observation) {
  const auto declared = [](const Mirror& mirror) {
    return SignedPermutation{{mirror.from.begin(), mirror.from.end()},
                             {mirror.sign.begin(), mirror.sign.end()}};
  };
  return {declared(observation), declared(MirrorAction())};
}

}  // namespace armature
