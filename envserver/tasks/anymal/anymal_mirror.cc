#include "envserver/tasks/anymal/anymal_mirror.h"

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

}  // namespace armature
