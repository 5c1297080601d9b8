#include "envserver/tasks/anymal/anymal_mirror.h"

#include <cstdint>

#include "envserver/tasks/anymal/height_scan.h"

namespace armature {
namespace {

// Positions, velocities and directions; and what turns.
SignedPermutation Vector() { return {{0, 1, 2}, {1, -1, 1}}; }
SignedPermutation Turn() { return {{0, 1, 2}, {-1, 1, -1}}; }

// For vectors that are joined.
void Append(const SignedPermutation& part, SignedPermutation* all) {
  const auto offset = static_cast<int64_t>(all->source.size());
  for (const int64_t source : part.source) all->source.push_back(offset + source);
  all->sign.insert(all->sign.end(), part.sign.begin(), part.sign.end());
}

}  // namespace

SignedPermutation MirrorAction() {
  SignedPermutation mirror;
  for (const int leg : {1, 0, 3, 2}) {  // LF, RF, LH, RH.
    for (int joint = 0; joint < 3; ++joint) {
      mirror.source.push_back(3 * leg + joint);
      mirror.sign.push_back(joint == 0 ? -1 : 1);
    }
  }
  return mirror;
}

SignedPermutation MirrorObservation() {
  SignedPermutation mirror = {{0}, {1}};  // Height.
  Append(Vector(), &mirror);              // Up.
  Append(MirrorAction(), &mirror);
  Append(Vector(), &mirror);
  Append(Turn(), &mirror);
  Append(MirrorAction(), &mirror);
  return mirror;
}

SignedPermutation MirrorRoughObservation(bool linear_velocity, bool heights) {
  SignedPermutation mirror;
  if (linear_velocity) Append(Vector(), &mirror);
  Append(Turn(), &mirror);
  Append(Vector(), &mirror);                  // Gravity.
  Append({{0, 1, 2}, {1, -1, -1}}, &mirror);  // The command: forward, left, turn.
  for (int i = 0; i < 3; ++i) Append(MirrorAction(), &mirror);
  if (!heights) return mirror;
  SignedPermutation scan;
  for (int column = 0; column < kHeightScanColumns; ++column) {
    for (int row = kHeightScanRows - 1; row >= 0; --row) {
      scan.source.push_back(column * kHeightScanRows + row);
      scan.sign.push_back(1);
    }
  }
  Append(scan, &mirror);
  return mirror;
}

}  // namespace armature
