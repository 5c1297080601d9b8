#include "envserver/tasks/anymal/terrain.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "common/random/rng.h"

namespace armature {
namespace {

constexpr double kFlatRadius = 1;  // m, around a patch's middle.
constexpr double kSlopeMax = 0.4;
constexpr double kStepLength = 0.3;       // m
constexpr double kStepHeightMax = 0.18;   // m
constexpr double kRandomHeightMax = 0.1;  // m
constexpr int kCellsPerSquare = 2;        // Of equal random heights, along each side.

constexpr double kLengthX = Terrain::kLevels * Terrain::kPatch;
constexpr double kLengthY = Terrain::kKinds * Terrain::kPatch;
constexpr int kCellsPerPatch = static_cast<int>(Terrain::kPatch / Terrain::kCell + 0.5);
constexpr int kSquaresPerPatch = kCellsPerPatch / kCellsPerSquare + 1;

int Points(double length) {
  return static_cast<int>(std::lround((length + 2 * Terrain::kBorder) / Terrain::kCell)) + 1;
}

// Heights of one patch, by the place from its middle.
class Patch {
 public:
  Patch(int level, TerrainKind kind, uint64_t seed)
      : kind_(kind), difficulty_(static_cast<double>(level) / (Terrain::kLevels - 1)) {
    if (kind != TerrainKind::kRandom) return;
    Rng rng({seed, static_cast<uint64_t>(level)});
    const double most = difficulty_ * kRandomHeightMax;
    for (int i = 0; i < kSquaresPerPatch * kSquaresPerPatch; ++i) {
      squares_.push_back(rng.Uniform(-most, most));
    }
  }

  // `column` and `row`: cells from the patch's corner.
  double Height(int column, int row) const {
    const double x = std::abs(column - kCellsPerPatch / 2) * Terrain::kCell;
    const double y = std::abs(row - kCellsPerPatch / 2) * Terrain::kCell;
    const double radius = std::max(x, y);
    // From the rim towards the middle, m.
    const double inwards =
        std::clamp(Terrain::kPatch / 2 - radius, 0.0, Terrain::kPatch / 2 - kFlatRadius);
    const double rise = kSlopeMax * difficulty_ * inwards;
    // A small number keeps whole steps whole.
    const double steps = kStepHeightMax * difficulty_ * std::floor(inwards / kStepLength + 1e-9);
    switch (kind_) {
      case TerrainKind::kHill:
        return rise;
      case TerrainKind::kHollow:
        return -rise;
      case TerrainKind::kStairsDown:
        return steps;
      case TerrainKind::kStairsUp:
        return -steps;
      case TerrainKind::kRandom:
        break;
    }
    if (radius < kFlatRadius) return 0;
    return squares_[row / kCellsPerSquare * kSquaresPerPatch + column / kCellsPerSquare];
  }

 private:
  const TerrainKind kind_;
  const double difficulty_;
  std::vector<double> squares_;
};

}  // namespace

Terrain::Terrain(uint64_t seed) {
  field_.cell_x_m = field_.cell_y_m = kCell;
  field_.columns = Points(kLengthX);
  field_.rows = Points(kLengthY);
  std::vector<float> heights(static_cast<size_t>(field_.rows) * field_.columns, 0.0f);
  const int border = static_cast<int>(std::lround(kBorder / kCell));
  for (int kind = 0; kind < kKinds; ++kind) {
    for (int level = 0; level < kLevels; ++level) {
      const Patch patch(level, static_cast<TerrainKind>(kind), seed);
      for (int row = 0; row < kCellsPerPatch; ++row) {
        for (int column = 0; column < kCellsPerPatch; ++column) {
          const int at = (border + kind * kCellsPerPatch + row) * field_.columns + border +
                         level * kCellsPerPatch + column;
          heights[at] = static_cast<float>(patch.Height(column, row));
        }
      }
    }
  }
  field_.heights = std::make_shared<const std::vector<float>>(std::move(heights));
}

std::shared_ptr<const Terrain> Terrain::Shared(uint64_t seed) {
  static std::mutex mutex;
  static auto& terrains = *new std::map<uint64_t, std::weak_ptr<const Terrain>>;
  const std::lock_guard<std::mutex> lock(mutex);
  std::shared_ptr<const Terrain> terrain = terrains[seed].lock();
  if (terrain == nullptr) terrains[seed] = terrain = std::make_shared<const Terrain>(seed);
  return terrain;
}

btVector3 Terrain::Middle(int level, TerrainKind kind) const {
  const double x = (level + 0.5) * kPatch - kLengthX / 2;
  const double y = (static_cast<int>(kind) + 0.5) * kPatch - kLengthY / 2;
  return btVector3(x, y, Height(x, y));
}

double Terrain::Height(double x, double y) const {
  const double u = std::clamp(x / kCell + (field_.columns - 1) / 2.0, 0.0, field_.columns - 1.0);
  const double v = std::clamp(y / kCell + (field_.rows - 1) / 2.0, 0.0, field_.rows - 1.0);
  const int column = std::min(static_cast<int>(u), field_.columns - 2);
  const int row = std::min(static_cast<int>(v), field_.rows - 2);
  const double right = u - column, up = v - row;
  // Bullet's two triangles of a cell meet on the line from its upper left to its lower right.
  const double upper_left = At(column, row + 1), lower_right = At(column + 1, row);
  if (right + up <= 1) {
    const double corner = At(column, row);
    return corner + right * (lower_right - corner) + up * (upper_left - corner);
  }
  const double corner = At(column + 1, row + 1);
  return corner + (1 - right) * (upper_left - corner) + (1 - up) * (lower_right - corner);
}

bool Terrain::Contains(double x, double y) const {
  return std::abs(x) <= kLengthX / 2 + kBorder && std::abs(y) <= kLengthY / 2 + kBorder;
}

}  // namespace armature
