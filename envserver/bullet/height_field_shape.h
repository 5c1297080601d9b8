// The ground as heights of a grid of points: Bullet's height field with a search of its own, which
// skips what lies below the box it is asked about, and with what a sphere touches in closed form.
//
// Facts: a cell has two triangles, which meet on the line from its upper left to its lower right.
// All below them is solid; beyond the rim there is nothing.
// Frame: x and y from the middle of the grid; z from halfway between its lowest and highest point.
// Thread safety: const after creation, so all threads may share it. Allocation: none in searches.
#ifndef ARMATURE_ENVSERVER_BULLET_HEIGHT_FIELD_SHAPE_H_
#define ARMATURE_ENVSERVER_BULLET_HEIGHT_FIELD_SHAPE_H_

#include <memory>
#include <vector>

#include "BulletCollision/CollisionShapes/btHeightfieldTerrainShape.h"
#include "LinearMath/btVector3.h"
#include "absl/functional/function_ref.h"

namespace armature {

struct HeightField;

class HeightFieldShape : public btHeightfieldTerrainShape {
 public:
  struct Triangle {
    btVector3 corners[3];
    int part;  // As Bullet numbers it.
    int index;
  };
  // Where a sphere is nearest to the ground.
  struct Touch {
    btVector3 point;
    btVector3 normal;  // Out of the ground.
    double distance;   // Of the centre from the point; negative: the centre is below the ground.
  };

  // `low` and `high`: the least and the greatest of the heights.
  HeightFieldShape(const HeightField& field, float low, float high);

  // Whether all of a box is above the ground, or beside it.
  bool IsClear(const btVector3& low, const btVector3& high) const;

  // Calls `visit` for the triangles whose boxes meet this box, in Bullet's order.
  void ForEachTriangle(const btVector3& low, const btVector3& high,
                       absl::FunctionRef<void(Triangle&)> visit) const;
  // Whether the ground falls away beyond an edge of one of those, or ends there.
  bool HasConvexEdge(const Triangle& triangle) const;
  void processAllTriangles(btTriangleCallback* callback, const btVector3& low,
                           const btVector3& high) const override;

  // Calls `visit` for the places within `reach` where the distance from `centre` has a minimum: on
  // faces, convex edges and convex corners. So even ground has one, whatever its triangles. For a
  // centre below the ground, only the face above it, at any distance.
  void ForEachTouch(const btVector3& centre, double reach,
                    absl::FunctionRef<void(const Touch&)> visit) const;

 private:
  class TouchSearch;
  // Of cells, both ends included.
  struct Range {
    int first_column, last_column, first_row, last_row;
    bool empty() const { return first_column > last_column || first_row > last_row; }
  };

  bool HasPoint(int column, int row) const {
    return column >= 0 && column < m_heightStickWidth && row >= 0 && row < m_heightStickLength;
  }
  double Height(int column, int row) const {
    return m_heightfieldDataFloat[row * m_heightStickWidth + column] - m_localOrigin.z();
  }
  btVector3 Point(int column, int row) const;
  // Those that a box is over or under.
  Range Cells(const btVector3& low, const btVector3& high) const;
  // Of their corners.
  double Highest(const Range& cells) const;

  const double cells_per_m_x_, cells_per_m_y_;
  std::shared_ptr<const std::vector<float>> heights_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_HEIGHT_FIELD_SHAPE_H_
