#include "envserver/bullet/height_field_shape.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "envserver/bullet/body_model.h"
#include "envserver/bullet/bullet_world.h"

namespace armature {
namespace {

// Of a cell: so that rounding leaves no gap between a face and its edges.
constexpr double kTolerance = 1e-9;
constexpr double kEven = 1e-5;  // m; ground that falls away by less is even.

bool Meet(double low_a, double high_a, double low_b, double high_b) {
  return low_a <= high_b && high_a >= low_b;
}

}  // namespace

HeightFieldShape::HeightFieldShape(const HeightField& field, float low, float high)
    : btHeightfieldTerrainShape(field.columns, field.rows, field.heights->data(), low, high,
                                /*upAxis=*/2, /*flipQuadEdges=*/false),
      cells_per_m_x_(1 / field.cell_x_m),
      cells_per_m_y_(1 / field.cell_y_m),
      heights_(field.heights) {
  setLocalScaling(btVector3(field.cell_x_m, field.cell_y_m, 1));
  setMargin(kCollisionMargin);
}

btVector3 HeightFieldShape::Point(int column, int row) const {
  // In Bullet's order, for the same bits.
  return btVector3((-m_width / 2 + column) * m_localScaling.x(),
                   (-m_length / 2 + row) * m_localScaling.y(), Height(column, row));
}

HeightFieldShape::Range HeightFieldShape::Cells(const btVector3& low, const btVector3& high) const {
  const auto cell = [](double at, double last) {
    // A place far away has no number as a cell.
    return static_cast<int>(std::floor(std::clamp(at, -1.0, last + 1)));
  };
  const double x = m_width / 2, y = m_length / 2;
  return {
      std::max(cell(low.x() * cells_per_m_x_ + x - kTolerance, m_width), 0),
      std::min(cell(high.x() * cells_per_m_x_ + x + kTolerance, m_width), m_heightStickWidth - 2),
      std::max(cell(low.y() * cells_per_m_y_ + y - kTolerance, m_length), 0),
      std::min(cell(high.y() * cells_per_m_y_ + y + kTolerance, m_length),
               m_heightStickLength - 2)};
}

double HeightFieldShape::Highest(const Range& cells) const {
  float highest = -std::numeric_limits<float>::infinity();
  for (int row = cells.first_row; row <= cells.last_row + 1; ++row) {
    const float* heights = m_heightfieldDataFloat + row * m_heightStickWidth;
    for (int column = cells.first_column; column <= cells.last_column + 1; ++column) {
      highest = std::max(highest, heights[column]);
    }
  }
  return highest - m_localOrigin.z();
}

bool HeightFieldShape::IsClear(const btVector3& low, const btVector3& high) const {
  const Range cells = Cells(low, high);
  return cells.empty() || Highest(cells) < low.z();
}

void HeightFieldShape::ForEachTriangle(const btVector3& low, const btVector3& high,
                                       absl::FunctionRef<void(Triangle&)> visit) const {
  const Range cells = Cells(low, high);
  for (int row = cells.first_row; row <= cells.last_row; ++row) {
    for (int column = cells.first_column; column <= cells.last_column; ++column) {
      const double lower_right = Height(column + 1, row), upper_left = Height(column, row + 1);
      const auto [least, greatest] = std::minmax(lower_right, upper_left);
      for (const bool is_upper : {false, true}) {
        const double third = is_upper ? Height(column + 1, row + 1) : Height(column, row);
        if (!Meet(std::min(least, third), std::max(greatest, third), low.z(), high.z())) continue;
        Triangle triangle;
        triangle.corners[0] = Point(column + (is_upper ? 1 : 0), row);
        triangle.corners[1] = Point(column, row + 1);
        triangle.corners[2] = Point(column + 1, row + (is_upper ? 1 : 0));
        triangle.part = 2 * column + (is_upper ? 1 : 0);
        triangle.index = row;
        visit(triangle);
      }
    }
  }
}

bool HeightFieldShape::HasConvexEdge(const Triangle& triangle) const {
  // The third corners of the triangles beside it.
  static constexpr int kBeside[2][3][2] = {{{1, 1}, {1, -1}, {-1, 1}}, {{0, 0}, {2, 0}, {0, 2}}};
  const btVector3* corners = triangle.corners;
  const btVector3 up = (corners[2] - corners[0]).cross(corners[1] - corners[0]).normalized();
  for (const auto& [column, row] : kBeside[triangle.part % 2]) {
    const int beside_column = triangle.part / 2 + column, beside_row = triangle.index + row;
    if (!HasPoint(beside_column, beside_row)) return true;
    if (up.dot(Point(beside_column, beside_row) - corners[0]) < -kEven) return true;
  }
  return false;
}

void HeightFieldShape::processAllTriangles(btTriangleCallback* callback, const btVector3& low,
                                           const btVector3& high) const {
  ForEachTriangle(low, high, [&](Triangle& triangle) {
    callback->processTriangle(triangle.corners, triangle.part, triangle.index);
  });
}

// A place is a minimum of the distance from the centre if no way along the ground leads nearer:
// for a point on an edge, no triangle at the edge; at a corner, no edge from it. The ground there
// must face the centre, too, or it is seen through the ground.
class HeightFieldShape::TouchSearch {
 public:
  TouchSearch(const HeightFieldShape& shape, const btVector3& centre, double reach,
              absl::FunctionRef<void(const Touch&)> visit)
      : shape_(shape), centre_(centre), reach_(reach), visit_(visit) {}

  void Run() {
    const btVector3 extent(reach_, reach_, reach_);
    const Range cells = shape_.Cells(centre_ - extent, centre_ + extent);
    if (cells.empty() || shape_.Highest(cells) < centre_.z() - reach_ || FromBelow()) return;
    for (int row = cells.first_row; row <= cells.last_row; ++row) {
      for (int column = cells.first_column; column <= cells.last_column; ++column) {
        for (const bool is_upper : {false, true}) {
          const Face face = FaceOf(column, row, is_upper);
          if (face.distance < 0 || face.distance > reach_) continue;
          const btVector3 point = centre_ - face.distance * face.normal;
          if (IsInside(point, face)) visit_({point, face.normal, face.distance});
        }
      }
    }
    for (int row = cells.first_row; row <= cells.last_row + 1; ++row) {
      for (int column = cells.first_column; column <= cells.last_column + 1; ++column) {
        if (column <= cells.last_column) {
          TryEdge({column, row}, {column + 1, row}, {column, row + 1}, {column + 1, row - 1});
        }
        if (row <= cells.last_row) {
          TryEdge({column, row}, {column, row + 1}, {column + 1, row}, {column - 1, row + 1});
        }
        if (column <= cells.last_column && row <= cells.last_row) {
          TryEdge({column + 1, row}, {column, row + 1}, {column, row}, {column + 1, row + 1});
        }
        TryCorner({column, row});
      }
    }
  }

 private:
  struct Place {
    int column, row;
  };
  struct Face {
    bool is_upper;
    btVector3 corner;  // Of the right angle.
    btVector3 normal;
    double distance;  // Of the centre from its plane.
  };

  Face FaceOf(int column, int row, bool is_upper) const {
    const double lower_right = shape_.Height(column + 1, row);
    const double upper_left = shape_.Height(column, row + 1);
    const btVector3 corner =
        is_upper ? shape_.Point(column + 1, row + 1) : shape_.Point(column, row);
    double rise_x = (lower_right - corner.z()) / shape_.m_localScaling.x();
    double rise_y = (upper_left - corner.z()) / shape_.m_localScaling.y();
    if (is_upper) {
      rise_x = (corner.z() - upper_left) / shape_.m_localScaling.x();
      rise_y = (corner.z() - lower_right) / shape_.m_localScaling.y();
    }
    const btVector3 normal = btVector3(-rise_x, -rise_y, 1).normalized();
    return {is_upper, corner, normal, normal.dot(centre_ - corner)};
  }

  // Whether a point of the face's plane belongs to its triangle.
  bool IsInside(const btVector3& point, const Face& face) const {
    double x = (point.x() - face.corner.x()) / shape_.m_localScaling.x();
    double y = (point.y() - face.corner.y()) / shape_.m_localScaling.y();
    if (face.is_upper) {
      x = -x;
      y = -y;
    }
    return x >= -kTolerance && y >= -kTolerance && x + y <= 1 + kTolerance;
  }

  bool FromBelow() {
    const Range cells = shape_.Cells(centre_, centre_);
    if (cells.empty()) return false;
    for (const bool is_upper : {false, true}) {
      const Face face = FaceOf(cells.first_column, cells.first_row, is_upper);
      if (!IsInside(centre_, face)) continue;
      if (face.distance >= 0) return false;
      visit_({centre_ - face.distance * face.normal, face.normal, face.distance});
      return true;
    }
    return false;
  }

  // Whether the way from a point of the ground to the centre also leads towards another point.
  bool LeadsTo(const Place& place, const btVector3& point, const btVector3& way) const {
    if (!shape_.HasPoint(place.column, place.row)) return false;
    return way.dot(shape_.Point(place.column, place.row) - point) > 0;
  }

  // `left` and `right`: the third corners of the triangles at the edge; one may be off the grid.
  void TryEdge(const Place& a, const Place& b, const Place& left, const Place& right) {
    const btVector3 begin = shape_.Point(a.column, a.row);
    const btVector3 edge = shape_.Point(b.column, b.row) - begin;
    const double share = (centre_ - begin).dot(edge) / edge.length2();
    if (share <= 0 || share >= 1) return;
    const btVector3 point = begin + share * edge;
    const btVector3 way = centre_ - point;
    if (way.z() <= 0 || way.length2() > reach_ * reach_) return;
    if (LeadsTo(left, point, way) || LeadsTo(right, point, way)) return;
    visit_({point, way.normalized(), way.length()});
  }

  void TryCorner(const Place& place) {
    const btVector3 point = shape_.Point(place.column, place.row);
    const btVector3 way = centre_ - point;
    if (way.z() <= 0 || way.length2() > reach_ * reach_) return;
    static constexpr Place kNeighbours[] = {{1, 0}, {0, 1}, {-1, 1}, {-1, 0}, {0, -1}, {1, -1}};
    for (const Place& step : kNeighbours) {
      if (LeadsTo({place.column + step.column, place.row + step.row}, point, way)) return;
    }
    visit_({point, way.normalized(), way.length()});
  }

  const HeightFieldShape& shape_;
  const btVector3 centre_;
  const double reach_;
  const absl::FunctionRef<void(const Touch&)> visit_;
};

void HeightFieldShape::ForEachTouch(const btVector3& centre, double reach,
                                    absl::FunctionRef<void(const Touch&)> visit) const {
  TouchSearch(*this, centre, reach, visit).Run();
}

}  // namespace armature
