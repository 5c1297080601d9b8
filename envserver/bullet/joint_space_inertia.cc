#include "envserver/bullet/joint_space_inertia.h"

namespace armature {
namespace {

constexpr int kBlock = 4;

bool IsRevolute(const btMultibodyLink& link) {
  return link.m_jointType == btMultibodyLink::eRevolute;
}

}  // namespace

JointSpaceInertia::JointSpaceInertia(const btMultiBody* body) : body_(body) {
  const int num_links = body->getNumLinks();
  std::vector<int> joint_of(num_links);  // Nearest moving joint at or above a link.
  for (int i = 0; i < num_links; ++i) {
    const btMultibodyLink& link = body->getLink(i);
    const int above = link.m_parent < 0 ? -1 : joint_of[link.m_parent];
    joint_of[i] = above;
    if (link.m_dofCount == 0) continue;
    joint_of[i] = static_cast<int>(joints_.size());
    joints_.push_back({i, above});
  }
  const int num_dofs = static_cast<int>(joints_.size());
  composites_.resize(num_links);
  axes_.resize(num_dofs);
  origins_.resize(num_dofs);
  inverse_.setZero((num_dofs + kBlock - 1) / kBlock * kBlock, num_dofs);
}

const double* JointSpaceInertia::InverseColumn(int dof) {
  if (!is_valid_) Compute();
  return inverse_.col(dof).data();
}

void JointSpaceInertia::Compute() {
  const int num_links = body_->getNumLinks();
  for (int i = 0; i < num_links; ++i) {
    const btMultibodyLink& link = body_->getLink(i);
    const btMatrix3x3& rotation = link.m_cachedWorldTransform.getBasis();
    const btVector3& centre = link.m_cachedWorldTransform.getOrigin();
    Composite& composite = composites_[i];
    composite.mass = link.m_mass;
    composite.moment = link.m_mass * centre;
    composite.inertia = rotation.scaled(link.m_inertiaLocal).timesTranspose(rotation);
    const double square = centre.length2();
    for (int row = 0; row < 3; ++row) {
      composite.inertia[row] -= composite.moment[row] * centre;
      composite.inertia[row][row] += link.m_mass * square;
    }
  }
  for (int i = num_links - 1; i >= 0; --i) {
    const int parent = body_->getLink(i).m_parent;
    if (parent < 0) continue;
    composites_[parent].mass += composites_[i].mass;
    composites_[parent].moment += composites_[i].moment;
    composites_[parent].inertia += composites_[i].inertia;
  }
  inverse_.setZero();
  for (size_t j = 0; j < joints_.size(); ++j) {
    const btMultibodyLink& link = body_->getLink(joints_[j].link);
    const btTransform& pose = link.m_cachedWorldTransform;
    const Composite& subtree = composites_[joints_[j].link];
    const bool turns = IsRevolute(link);
    const btVector3 axis =
        pose.getBasis() * (turns ? link.m_axes[0].m_topVec : link.m_axes[0].m_bottomVec);
    axes_[j] = axis;
    origins_[j] = pose.getOrigin() - pose.getBasis() * link.m_dVector;
    // The subtree's velocity at the world's origin, then its momentum about it.
    const btVector3 velocity = turns ? origins_[j].cross(axis) : axis;
    btVector3 linear = subtree.mass * velocity;
    btVector3 angular = subtree.moment.cross(velocity);
    if (turns) {
      linear += axis.cross(subtree.moment);
      angular += subtree.inertia * axis;
    }
    for (int i = static_cast<int>(j); i >= 0; i = joints_[i].parent) {
      const bool i_turns = IsRevolute(body_->getLink(joints_[i].link));
      const double entry =
          i_turns ? axes_[i].dot(angular - origins_[i].cross(linear)) : axes_[i].dot(linear);
      inverse_(i, j) = inverse_(j, i) = entry;
    }
  }
  Invert();
  is_valid_ = true;
}

// Gauss-Jordan elimination in place. M is positive definite, so no pivot need be sought. Written by
// hand: for such small matrices, a library's blocking costs more than the arithmetic.
void JointSpaceInertia::Invert() {
  const int n = static_cast<int>(joints_.size());
  const int size = static_cast<int>(inverse_.rows());
  for (int k = 0; k < n; ++k) {
    double* const pivot = inverse_.col(k).data();
    const double scale = 1 / pivot[k];
    pivot[k] = 1;
    for (int i = 0; i < size; i += kBlock) {
#pragma GCC unroll 4
      for (int b = 0; b < kBlock; ++b) pivot[i + b] *= scale;
    }
    for (int j = 0; j < n; ++j) {
      if (j == k) continue;
      double* const column = inverse_.col(j).data();
      const double factor = column[k];
      if (factor == 0) continue;
      column[k] = 0;
      for (int i = 0; i < size; i += kBlock) {
#pragma GCC unroll 4
        for (int b = 0; b < kBlock; ++b) column[i + b] -= factor * pivot[i + b];
      }
    }
  }
}

}  // namespace armature
