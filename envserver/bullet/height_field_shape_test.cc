#include "envserver/bullet/height_field_shape.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "common/random/rng.h"
#include "envserver/bullet/bullet_world.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using Touch = HeightFieldShape::Touch;

// A shape, with the height of its origin. `height`: of column and row.
struct Ground {
  template <typename Height>
  Ground(int columns, int rows, Height height) {
    std::vector<float> heights;
    for (int row = 0; row < rows; ++row) {
      for (int column = 0; column < columns; ++column) {
        heights.push_back(static_cast<float>(height(column, row)));
      }
    }
    const auto [low, high] = std::minmax_element(heights.begin(), heights.end());
    middle = (*low + *high) / 2.0;
    field.columns = columns;
    field.rows = rows;
    field.cell_x_m = 0.1;
    field.cell_y_m = 0.2;
    field.heights = std::make_shared<const std::vector<float>>(heights);
    shape = std::make_unique<HeightFieldShape>(field, *low, *high);
  }

  // Of a centre whose height is that of the field, not of the shape.
  std::vector<Touch> Touches(btVector3 centre, double reach) const {
    std::vector<Touch> touches;
    shape->ForEachTouch(centre - btVector3(0, 0, middle), reach, [&](Touch touch) {
      touch.point += btVector3(0, 0, middle);
      touches.push_back(touch);
    });
    return touches;
  }

  HeightField field;
  double middle;
  std::unique_ptr<HeightFieldShape> shape;
};

Ground RandomGround(uint64_t seed, int columns = 9, int rows = 7, double height = 0.15) {
  Rng rng({seed});
  return Ground(columns, rows, [&](int, int) { return rng.Uniform(-height, height); });
}

// Every triangle that is visited, and whose box meets the box that was asked about.
struct Recorder : btTriangleCallback {
  void processTriangle(btVector3* corners, int part, int index) override {
    btVector3 least = corners[0], greatest = corners[0];
    for (int i = 1; i < 3; ++i) {
      least.setMin(corners[i]);
      greatest.setMax(corners[i]);
    }
    ++visited;
    for (int k = 0; k < 3; ++k) {
      if (least[k] > high[k] || greatest[k] < low[k]) return;
    }
    for (int i = 0; i < 3; ++i) {
      seen.emplace_back(corners[i].x(), corners[i].y(), corners[i].z(), part, index);
    }
  }
  btVector3 low, high;
  int visited = 0;
  std::vector<std::tuple<double, double, double, int, int>> seen;
};

TEST(HeightFieldShapeTest, VisitsTheTrianglesThatBulletDoes) {
  Rng rng({1});
  const Ground ground = RandomGround(2);
  int visited = 0, visited_by_bullet = 0, seen = 0;
  for (int i = 0; i < 3000; ++i) {
    Recorder ours, bullet;
    const btVector3 middle(rng.Uniform(-0.6, 0.6), rng.Uniform(-0.8, 0.8), rng.Uniform(-0.3, 0.3));
    btVector3 extent(rng.Uniform(0, 0.3), rng.Uniform(0, 0.3), rng.Uniform(0, 0.2));
    if (i % 10 == 0) extent *= 10;
    ours.low = bullet.low = middle - extent;
    ours.high = bullet.high = middle + extent;
    if (i % 7 == 0) {  // Ends on the grid's lines.
      ours.low.setX(0.1 * std::round(10 * ours.low.x()));
      ours.high.setY(0.2 * std::round(5 * ours.high.y()));
      bullet.low = ours.low;
      bullet.high = ours.high;
    }
    ground.shape->processAllTriangles(&ours, ours.low, ours.high);
    ground.shape->btHeightfieldTerrainShape::processAllTriangles(&bullet, ours.low, ours.high);
    ASSERT_EQ(ours.seen, bullet.seen) << i;
    visited += ours.visited;
    visited_by_bullet += bullet.visited;
    seen += static_cast<int>(ours.seen.size());
  }
  EXPECT_GT(seen, 10000);
  EXPECT_LT(visited, visited_by_bullet);
}

TEST(HeightFieldShapeTest, ABoxIsClearIfNoTriangleMeetsItOrWhatIsBelowIt) {
  Rng rng({3});
  const Ground ground = RandomGround(4);
  int clear = 0;
  for (int i = 0; i < 3000; ++i) {
    const btVector3 middle(rng.Uniform(-0.6, 0.6), rng.Uniform(-0.8, 0.8), rng.Uniform(-0.2, 0.3));
    const btVector3 extent(rng.Uniform(0, 0.1), rng.Uniform(0, 0.2), rng.Uniform(0, 0.1));
    const btVector3 low = middle - extent, high = middle + extent;
    Recorder column;
    column.low = btVector3(low.x(), low.y(), low.z());
    column.high = btVector3(high.x(), high.y(), 1);
    ground.shape->btHeightfieldTerrainShape::processAllTriangles(&column, column.low, column.high);
    const bool is_clear = ground.shape->IsClear(low, high);
    // The box of a cell is that of its triangles, and more.
    EXPECT_TRUE(!is_clear || column.seen.empty()) << i;
    clear += is_clear ? 1 : 0;
  }
  EXPECT_GT(clear, 500);
  EXPECT_LT(clear, 2500);
  EXPECT_TRUE(ground.shape->IsClear(btVector3(5, 0, -1), btVector3(6, 0, 1))) << "beside it";
  EXPECT_FALSE(ground.shape->IsClear(btVector3(0, 0, -9), btVector3(0, 0, -8))) << "far below";
}

TEST(HeightFieldShapeTest, EvenGroundIsTouchedOnceWhateverItsTriangles) {
  Rng rng({5});
  const double slope = 0.3;
  const Ground level(9, 7, [](int, int) { return 0.25; });
  const Ground inclined(9, 7, [&](int column, int) { return slope * 0.1 * (column - 4); });
  const btVector3 up = btVector3(-slope, 0, 1).normalized();
  for (int i = 0; i < 1000; ++i) {
    double x = rng.Uniform(-0.3, 0.3), y = rng.Uniform(-0.4, 0.4);
    if (i % 3 == 0) x = 0.1 * std::round(10 * x);  // Over edges and corners, too.
    if (i % 5 == 0) y = 0.2 * std::round(5 * y);
    const double above = rng.Uniform(0.001, 0.05);
    auto touches = level.Touches(btVector3(x, y, 0.25 + above), 0.05);
    ASSERT_GE(touches.size(), 1u) << x << ", " << y;
    for (const Touch& touch : touches) {  // Where triangles meet, each may say the same.
      EXPECT_LT((touch.point - btVector3(x, y, 0.25)).length(), 1e-8);
      EXPECT_LT((touch.normal - btVector3(0, 0, 1)).length(), 1e-6);
      EXPECT_NEAR(touch.distance, above, 1e-12);
    }
    const btVector3 foot(x, y, slope * x);
    touches = inclined.Touches(foot + above * up, 0.05);
    ASSERT_GE(touches.size(), 1u) << x << ", " << y;
    for (const Touch& touch : touches) {  // Heights are floats.
      EXPECT_LT((touch.point - foot).length(), 1e-6);
      EXPECT_LT((touch.normal - up).length(), 1e-5);
      EXPECT_NEAR(touch.distance, above, 1e-7);
    }
  }
}

TEST(HeightFieldShapeTest, TouchesTheEdgeOfAStepAndBothSidesOfItsFoot) {
  // Up by 0.18 m between x = 0 and x = 0.1 m.
  const Ground step(9, 7, [](int column, int) { return column > 4 ? 0.18 : 0; });
  const double radius = 0.05;
  // Left of the upper edge and above it, so that it is nearest.
  auto touches = step.Touches(btVector3(0.09, 0.03, 0.21), radius);
  ASSERT_GE(touches.size(), 1u);
  const btVector3 edge(0.1, 0.03, 0.18f);
  EXPECT_LT((touches[0].point - edge).length(), 1e-7);
  EXPECT_NEAR(touches[0].distance, std::hypot(0.01, 0.03), 1e-7);
  // The foot of the step: the tread below and the riser, 0.03 m away from each.
  const double angle = std::atan2(0.18, 0.1);
  const double x = -0.03 * std::tan(angle / 2);
  touches = step.Touches(btVector3(x, 0.03, 0.03), radius);
  ASSERT_EQ(touches.size(), 2u);
  for (const Touch& touch : touches) EXPECT_NEAR(touch.distance, 0.03, 1e-7);
  EXPECT_LT((touches[0].normal - btVector3(0, 0, 1)).length(), 1e-7);
  EXPECT_LT((touches[1].normal - btVector3(-std::sin(angle), 0, std::cos(angle))).length(), 1e-7);
  // Out of reach.
  EXPECT_TRUE(step.Touches(btVector3(-0.2, 0, 0.051), radius).empty());
}

TEST(HeightFieldShapeTest, ACentreBelowTheGroundIsPushedOutOfTheFaceAbove) {
  const Ground inclined(9, 7, [](int, int row) { return 0.4 * 0.2 * (row - 3); });
  const btVector3 up = btVector3(0, -0.4, 1).normalized();
  for (const double depth : {0.001, 0.02, 0.5}) {
    const auto touches = inclined.Touches(btVector3(0.03, 0.1, 0.04) - depth * up, 0.03);
    ASSERT_EQ(touches.size(), 1u) << depth;
    EXPECT_NEAR(touches[0].distance, -depth, 1e-7);
    EXPECT_LT((touches[0].normal - up).length(), 1e-5);
  }
  EXPECT_TRUE(inclined.Touches(btVector3(3, 0, -1), 0.03).empty()) << "beside it";
}

// The nearest of many points of the triangles within 0.1 m of a centre. On a grid of `steps` a
// cell.
double NearestByTrial(const Ground& ground, const btVector3& centre, int steps) {
  const HeightField& field = ground.field;
  double nearest = std::numeric_limits<double>::infinity();
  const auto height = [&](int column, int row) {
    return static_cast<double>((*field.heights)[row * field.columns + column]);
  };
  for (int row = 0; row + 1 < field.rows; ++row) {
    for (int column = 0; column + 1 < field.columns; ++column) {
      const btVector3 origin((column - (field.columns - 1) / 2.0) * field.cell_x_m,
                             (row - (field.rows - 1) / 2.0) * field.cell_y_m, 0);
      for (int i = 0; i <= steps; ++i) {
        for (int k = 0; k <= steps; ++k) {
          const double u = static_cast<double>(i) / steps, v = static_cast<double>(k) / steps;
          const double z = u + v <= 1
                               ? height(column, row) * (1 - u - v) + height(column + 1, row) * u +
                                     height(column, row + 1) * v
                               : height(column + 1, row + 1) * (u + v - 1) +
                                     height(column, row + 1) * (1 - u) +
                                     height(column + 1, row) * (1 - v);
          const btVector3 point = origin + btVector3(u * field.cell_x_m, v * field.cell_y_m, z);
          nearest = std::min<double>(nearest, (point - centre).length());
        }
      }
    }
  }
  return nearest;
}

TEST(HeightFieldShapeTest, TheNearestTouchOnRandomGroundIsItsNearestPoint) {
  Rng rng({6});
  int above = 0, several = 0;
  for (int i = 0; i < 200; ++i) {
    const Ground ground = RandomGround(100 + i, 5, 5, 0.1);
    const btVector3 centre(rng.Uniform(-0.1, 0.1), rng.Uniform(-0.2, 0.2), rng.Uniform(-0.1, 0.2));
    const auto touches = ground.Touches(centre, 0.1);
    if (!touches.empty() && touches[0].distance < 0) {
      EXPECT_EQ(touches.size(), 1u);
      continue;
    }
    const int steps = 40;
    const double nearest = NearestByTrial(ground, centre, steps);
    double ours = std::numeric_limits<double>::infinity();
    for (const Touch& touch : touches) {
      ours = std::min(ours, touch.distance);
      EXPECT_LT((touch.point + touch.distance * touch.normal - centre).length(), 1e-9);
      EXPECT_GT(touch.normal.z(), 0);
    }
    if (nearest > 0.1 + 0.01) {
      EXPECT_TRUE(touches.empty());
    } else if (nearest < 0.1) {
      ASSERT_FALSE(touches.empty()) << i;
      EXPECT_LE(ours, nearest + 1e-9);
      EXPECT_GT(ours, nearest - 0.01) << "the trial's points are up to 5 mm apart";
      ++above;
      several += touches.size() > 1 ? 1 : 0;
    }
  }
  EXPECT_GT(above, 50);
  EXPECT_GT(several, 5);
}

}  // namespace
}  // namespace armature
