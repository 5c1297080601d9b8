// Rough ground for legged robots: patches of rising difficulty in one height field.
//
// Facts: 8 levels along x, 5 kinds along y, each patch 8 x 8 m in cells of 0.1 m, flat within 1 m
// of its middle, and 5 m of flat ground around all. With d = level / 7:
//   hill, hollow: a pyramid that falls, or rises, with slope 0.4 d from its middle;
//   stairs down, stairs up: the same in steps 0.3 m long and 0.18 d m high;
//   random: heights U(+-0.1 d) m of squares of 0.2 m.
// Level 0 is flat. The seed decides the random heights.
// Thread safety: const after creation, so all threads may share it.
// Frame: x and y from the middle of the field; z up.
#ifndef ARMATURE_ENVSERVER_TASKS_ANYMAL_TERRAIN_H_
#define ARMATURE_ENVSERVER_TASKS_ANYMAL_TERRAIN_H_

#include <cstdint>
#include <memory>

#include "LinearMath/btVector3.h"
#include "envserver/bullet/bullet_world.h"

namespace armature {

enum class TerrainKind { kHill, kHollow, kStairsDown, kStairsUp, kRandom };

class Terrain {
 public:
  static constexpr int kLevels = 8;
  static constexpr int kKinds = 5;
  static constexpr double kPatch = 8;   // m
  static constexpr double kBorder = 5;  // m
  static constexpr double kCell = 0.1;  // m

  explicit Terrain(uint64_t seed);
  // The terrain of this seed, made once in this process while anybody has it.
  static std::shared_ptr<const Terrain> Shared(uint64_t seed);

  const HeightField& field() const { return field_; }
  // The middle of a patch, on the ground.
  btVector3 Middle(int level, TerrainKind kind) const;
  // Of the ground, as the world's triangles have it; outside the field, that of its nearest point.
  double Height(double x, double y) const;
  bool Contains(double x, double y) const;

 private:
  double At(int column, int row) const { return (*field_.heights)[row * field_.columns + column]; }

  HeightField field_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_ANYMAL_TERRAIN_H_
