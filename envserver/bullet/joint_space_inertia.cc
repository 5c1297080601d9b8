#include "envserver/bullet/joint_space_inertia.h"

#include <cmath>

namespace armature {
namespace {

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
  matrix_.setZero(num_dofs, num_dofs);
  factor_.resize(num_dofs, num_dofs);
  inverse_.resize(num_dofs, num_dofs);
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
      matrix_(i, j) = matrix_(j, i) = entry;
    }
  }
  Invert();
  is_valid_ = true;
}

// M = L L', then M^-1 = L^-T L^-1. The diagonal of l is that of L^-1 from the start. Written by
// hand: for such small matrices, a library's blocking costs more than the arithmetic.
void JointSpaceInertia::Invert() {
  const int n = static_cast<int>(joints_.size());
  Eigen::MatrixXd& l = factor_;
  for (int j = 0; j < n; ++j) {
    for (int i = j; i < n; ++i) {
      double sum = matrix_(i, j);
      for (int k = 0; k < j; ++k) sum -= l(i, k) * l(j, k);
      l(i, j) = i == j ? 1 / std::sqrt(sum) : sum * l(j, j);
    }
  }
  for (int j = 0; j < n; ++j) {
    for (int i = j + 1; i < n; ++i) {
      double sum = 0;
      for (int k = j; k < i; ++k) sum -= l(i, k) * l(k, j);
      l(i, j) = sum * l(i, i);
    }
  }
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i <= j; ++i) {
      double sum = 0;
      for (int k = j; k < n; ++k) sum += l(k, i) * l(k, j);
      inverse_(i, j) = inverse_(j, i) = sum;
    }
  }
}

}  // namespace armature
