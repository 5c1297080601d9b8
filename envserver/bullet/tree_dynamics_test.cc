// Inertias and rows are those of Bullet.

#include "envserver/bullet/tree_dynamics.h"

#include <memory>
#include <vector>

#include "common/random/rng.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/row_arithmetic.h"
#include "envserver/bullet/testing/robots.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

struct Case {
  const char* name;
  std::shared_ptr<const BodyModel> model;
  bool fixed_base;
};

class TreeDynamicsTest : public testing::TestWithParam<Case> {
 protected:
  TreeDynamicsTest() : world_(Options()) {
    BodyOptions options = NoDrag(GetParam().fixed_base);
    options.always_bullet = true;
    options.base_pose = btTransform(btQuaternion(btVector3(1, 2, 3), 0.7), btVector3(3, -2, 1));
    body_ = world_.AddBody(GetParam().model, options);
    Rng rng({4});
    for (int dof = 0; dof < body_->num_dofs(); ++dof) {
      body_->SetJointPosition(dof, rng.Uniform(-0.5, 0.5));
    }
    world_.Step();  // No motion; computes what calcAccelerationDeltasMultiDof reads.
    bullet_ = body_->multibody();
    tree_ = std::make_unique<TreeDynamics>(bullet_);
    tree_->UpdateInertia();
    skipped_ = 6 + body_->num_dofs() - tree_->num_velocities();
  }

  std::vector<double> BulletsResponse(const std::vector<double>& row) {
    std::vector<double> response(row.size());
    bullet_->calcAccelerationDeltasMultiDof(row.data(), response.data(), scratch_r_, scratch_v_);
    return response;
  }

  static WorldOptions Options() {
    WorldOptions options;
    options.gravity = 0;
    return options;
  }

  BulletWorld world_;
  Body* body_;
  btMultiBody* bullet_;
  std::unique_ptr<TreeDynamics> tree_;
  int skipped_;  // Velocities of a fixed base, which only Bullet has.
  btAlignedObjectArray<double> scratch_r_;
  btAlignedObjectArray<btVector3> scratch_v_;
  btAlignedObjectArray<btMatrix3x3> scratch_m_;
};

TEST_P(TreeDynamicsTest, InverseColumnsAreBulletsUnitResponses) {
  for (int dof = 0; dof < body_->num_dofs(); ++dof) {
    std::vector<double> force(6 + body_->num_dofs(), 0.0);
    force[6 + dof] = 1;
    const std::vector<double> response = BulletsResponse(force);
    const double* column = tree_->InverseColumn(dof);
    for (int i = 0; i < tree_->num_velocities(); ++i) {
      EXPECT_NEAR(column[i], response[skipped_ + i], 1e-8 * (1 + std::abs(column[i]))) << dof;
    }
  }
}

TEST_P(TreeDynamicsTest, ContactRowsAndTheirProductsAreBullets) {
  Rng rng({5});
  const auto draw = [&] {
    return btVector3(rng.Uniform(-1, 1), rng.Uniform(-1, 1), rng.Uniform(-1, 1));
  };
  const int size = 6 + body_->num_dofs();
  std::vector<double> before(Filled(size)), before_jacobian(size, 0.0);
  for (int run = 0; run < 40; ++run) {
    const int link = static_cast<int>(rng.Index(1 + body_->num_links())) - 1;
    const btVector3 point = body_->CentreOfMass(link) + 0.1 * draw();
    const btVector3 axis = draw().normalized();
    for (int i = 0; i < size; ++i) {
      const_cast<double*>(bullet_->getVelocityVector())[i] = i < skipped_ ? 0 : rng.Uniform(-1, 1);
    }
    std::vector<double> jacobian(size, 0.0), row(Filled(size), 0.0);
    bullet_->fillContactJacobianMultiDof(link, point, axis, jacobian.data(), scratch_r_, scratch_v_,
                                         scratch_m_);
    const std::vector<double> response = BulletsResponse(jacobian);
    double velocity = 0, product = 0, product_with_before = 0;
    for (int i = skipped_; i < size; ++i) {
      velocity += jacobian[i] * bullet_->getVelocityVector()[i];
      product += jacobian[i] * response[i];
      product_with_before += before_jacobian[i] * response[i];
    }
    EXPECT_NEAR(tree_->ContactRow(link, point, axis, /*turns=*/false, row.data()), velocity, 1e-10);
    EXPECT_NEAR(Dot(row.data(), row.data(), Filled(size)), product, 1e-8 * (1 + product));
    EXPECT_NEAR(Dot(row.data(), before.data(), Filled(size)), product_with_before,
                1e-8 * (1 + product));
    before = row;
    before_jacobian = jacobian;
    tree_->Unwhiten(row.data());
    for (int i = 0; i < tree_->num_velocities(); ++i) {
      EXPECT_NEAR(row[i], response[skipped_ + i], 1e-8 * (1 + std::abs(row[i])));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Bodies, TreeDynamicsTest,
                         testing::Values(Case{"arm", TestArm(), true},
                                         Case{"free_arm", TestArm(), false},
                                         Case{"legged", TestLegged(), false},
                                         Case{"quadruped", TestQuadruped(true), false},
                                         Case{"hung_quadruped", TestQuadruped(true), true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace armature
