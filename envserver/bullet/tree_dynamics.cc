#include "envserver/bullet/tree_dynamics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "envserver/bullet/row_arithmetic.h"

namespace armature {
namespace {

constexpr int kFreeVelocities = 6;

btMatrix3x3 CrossMatrix(const btVector3& v) {
  return btMatrix3x3(0, -v.z(), v.y(), v.z(), 0, -v.x(), -v.y(), v.x(), 0);
}

btMatrix3x3 OuterProduct(const btVector3& v) {
  return btMatrix3x3(v.x() * v.x(), v.x() * v.y(), v.x() * v.z(), v.y() * v.x(), v.y() * v.y(),
                     v.y() * v.z(), v.z() * v.x(), v.z() * v.y(), v.z() * v.z());
}

// Of a mass at `at`, about the origin.
btMatrix3x3 PointInertia(double mass, const btVector3& at) {
  btMatrix3x3 inertia = OuterProduct(at) * -mass;
  for (int i = 0; i < 3; ++i) inertia[i][i] += mass * at.length2();
  return inertia;
}

// basis x matrix x basis', which is symmetric.
btMatrix3x3 Turned(const btMatrix3x3& basis, const btMatrix3x3& matrix) {
  const btMatrix3x3 half = basis * matrix;
  const double xy = half[0].dot(basis[1]), xz = half[0].dot(basis[2]), yz = half[1].dot(basis[2]);
  return btMatrix3x3(half[0].dot(basis[0]), xy, xz, xy, half[1].dot(basis[1]), yz, xz, yz,
                     half[2].dot(basis[2]));
}

}  // namespace

TreeDynamics::TreeDynamics(const btMultiBody* body)
    : body_(body),
      base_(body->hasFixedBase() ? 0 : kFreeVelocities),
      num_velocities_(base_ + body->getNumDofs()),
      stride_(Filled(num_velocities_)) {
  Segment base = {};
  base.link = base.parent = -1;
  segments_.push_back(base);
  links_.push_back({0, btTransform::getIdentity(), false});
  for (int i = 0; i < body->getNumLinks(); ++i) {
    const btMultibodyLink& model = body->getLink(i);
    const Link above = links_[1 + model.m_parent];
    // Bullet's rotations are from the parent to the link.
    const btMatrix3x3 at_zero =
        above.place.getBasis() * btMatrix3x3(model.m_zeroRotParentToThis).transpose();
    const btVector3 pivot = above.place * model.m_eVector;
    if (model.m_dofCount == 0) {
      links_.push_back(
          {above.segment, btTransform(at_zero, pivot + at_zero * model.m_dVector), true});
      continue;
    }
    Segment segment = {};
    segment.link = i;
    segment.parent = above.segment;
    segment.turns = model.m_jointType == btMultibodyLink::eRevolute;
    const btVector3 axis = segment.turns ? model.getAxisTop(0) : model.getAxisBottom(0);
    segment.axis = at_zero * axis;
    segment.pivot = pivot;
    segment.to_centre = model.m_dVector;
    segment.parts = {at_zero, at_zero, at_zero};
    if (segment.turns) {
      segment.parts[0] = at_zero * OuterProduct(axis);
      segment.parts[1] = at_zero - segment.parts[0];
      segment.parts[2] = at_zero * CrossMatrix(axis);
    }
    links_.push_back({static_cast<int>(segments_.size()), btTransform::getIdentity(), false});
    segments_.push_back(segment);
  }
  const size_t count = segments_.size();
  parents_.assign(num_velocities_, -1);
  for (size_t s = 1; s < count; ++s) {
    if (segments_[s].parent > 0) parents_[base_ + s - 1] = base_ + segments_[s].parent - 1;
  }
  poses_.resize(count);
  axes_.resize(count);
  inertias_.resize(count);
  composites_.resize(count);
  velocities_.resize(count);
  accelerations_.resize(count);
  forces_.resize(count);
  factor_.resize(num_velocities_ * stride_);
  inverse_diagonal_.resize(num_velocities_);
  joint_rows_.resize(body->getNumDofs() * stride_);
  has_joint_row_.resize(body->getNumDofs());
  column_.resize(num_velocities_);
  UpdatePoses();
  KeepPoses();
}

void TreeDynamics::MergeMasses() {
  const auto visit_links = [this](auto visit) {
    for (size_t i = 0; i < links_.size(); ++i) {
      const int link = static_cast<int>(i) - 1;
      visit(links_[i], link < 0 ? body_->getBaseMass() : body_->getLinkMass(link),
            link < 0 ? body_->getBaseInertia() : body_->getLinkInertia(link));
    }
  };
  for (Segment& segment : segments_) {
    segment.mass = 0;
    segment.centre.setZero();
    segment.inertia.setValue(0, 0, 0, 0, 0, 0, 0, 0, 0);
    segment.spin_inertia = segment.inertia;
  }
  visit_links([this](const Link& link, double mass, const btVector3&) {
    segments_[link.segment].mass += mass;
    segments_[link.segment].centre += mass * link.place.getOrigin();
  });
  for (Segment& segment : segments_) {
    if (segment.mass > 0) segment.centre /= segment.mass;
  }
  visit_links([this](const Link& link, double mass, const btVector3& diagonal) {
    Segment& segment = segments_[link.segment];
    const btMatrix3x3& basis = link.place.getBasis();
    const btMatrix3x3 own = basis.scaled(diagonal).timesTranspose(basis);
    segment.spin_inertia += own;
    segment.inertia += own + PointInertia(mass, link.place.getOrigin() - segment.centre);
  });
  masses_have_changed_ = false;
}

btTransform TreeDynamics::PoseOf(int link, const std::vector<btTransform>& poses) const {
  const Link& own = links_[1 + link];
  return own.is_merged ? poses[own.segment] * own.place : poses[own.segment];
}

void TreeDynamics::UpdatePoses() {
  is_valid_ = false;
  poses_[0] = body_->getBaseWorldTransform();
  origin_ = poses_[0].getOrigin();
  for (size_t s = 1; s < segments_.size(); ++s) {
    const Segment& segment = segments_[s];
    const btTransform& parent = poses_[segment.parent];
    btTransform& own = poses_[s];
    const double position = body_->getLink(segment.link).m_jointPos[0];
    const btVector3 pivot = parent * segment.pivot;
    const btVector3 axis = parent.getBasis() * segment.axis;
    if (segment.turns) {
      const double sine = std::sin(position);
      const double cosine = std::cos(position);
      btMatrix3x3 turn;
      for (int row = 0; row < 3; ++row) {
        turn[row] =
            segment.parts[0][row] + cosine * segment.parts[1][row] + sine * segment.parts[2][row];
      }
      own.getBasis() = parent.getBasis() * turn;
      own.setOrigin(pivot + own.getBasis() * segment.to_centre);
      axes_[s] = {axis, (pivot - origin_).cross(axis)};
    } else {
      own.getBasis() = parent.getBasis() * segment.parts[0];
      own.setOrigin(pivot + own.getBasis() * segment.to_centre + position * axis);
      axes_[s] = {btVector3(0, 0, 0), axis};
    }
  }
}

void TreeDynamics::ComputeInertias() {
  if (masses_have_changed_) MergeMasses();
  const size_t count = segments_.size();
  for (size_t s = 0; s < count; ++s) {
    const Segment& segment = segments_[s];
    const btMatrix3x3& basis = poses_[s].getBasis();
    const btVector3 centre = poses_[s].getOrigin() - origin_ + basis * segment.centre;
    Inertia& inertia = inertias_[s];
    inertia.mass = segment.mass;
    inertia.moment = segment.mass * centre;
    inertia.matrix = Turned(basis, segment.inertia);
    const double square = inertia.moment.dot(centre);
    for (int row = 0; row < 3; ++row) {
      inertia.matrix[row] -= inertia.moment[row] * centre;
      inertia.matrix[row][row] += square;
    }
    composites_[s] = inertia;
  }
  for (size_t s = count - 1; s > 0; --s) {
    Inertia& parent = composites_[segments_[s].parent];
    parent.mass += composites_[s].mass;
    parent.moment += composites_[s].moment;
    parent.matrix += composites_[s].matrix;
  }
}

void TreeDynamics::FillMatrix() {
  if (base_ > 0) {
    const Inertia& all = composites_[0];
    const btMatrix3x3 cross = CrossMatrix(-all.moment);
    for (int i = 0; i < 3; ++i) {
      double* const angular = &factor_[i * stride_];
      double* const linear = &factor_[(3 + i) * stride_];
      for (int j = 0; j < 3; ++j) {
        angular[j] = all.matrix[i][j];
        linear[j] = cross[i][j];
        linear[3 + j] = i == j ? all.mass : 0;
      }
    }
  }
  for (size_t s = 1; s < segments_.size(); ++s) {
    // The subtree's momentum when the joint moves at unit speed.
    const Inertia& subtree = composites_[s];
    const Spatial& axis = axes_[s];
    const btVector3 linear = subtree.mass * axis.linear + axis.angular.cross(subtree.moment);
    const btVector3 angular = subtree.matrix * axis.angular + subtree.moment.cross(axis.linear);
    const int k = base_ + static_cast<int>(s) - 1;
    double* const row = &factor_[k * stride_];
    if (base_ > 0) {
      for (int i = 0; i < 3; ++i) {
        row[i] = angular[i];
        row[3 + i] = linear[i];
      }
    }
    for (int i = k; i >= base_; i = parents_[i]) {
      const Spatial& other = axes_[1 + i - base_];
      row[i] = other.angular.dot(angular) + other.linear.dot(linear);
    }
  }
}

template <int kBase>
void TreeDynamics::Factorize() {
  for (int k = num_velocities_ - 1; k >= 0; --k) {
    double* const row = &factor_[k * stride_];
    const double pivot = row[k];
    // Bullet's bound: what has no inertia does not move.
    const double inverse =
        pivot > std::numeric_limits<double>::epsilon() ? 1 / std::sqrt(pivot) : 0;
    inverse_diagonal_[k] = inverse;
    if (k < kBase) {
      for (int i = 0; i < k; ++i) row[i] *= inverse;
      for (int i = 0; i < k; ++i) {
        double* const above = &factor_[i * stride_];
        for (int j = 0; j <= i; ++j) above[j] -= row[i] * row[j];
      }
      continue;
    }
    for (int b = 0; b < kBase; ++b) row[b] *= inverse;
    for (int i = parents_[k]; i >= 0; i = parents_[i]) row[i] *= inverse;
    for (int i = parents_[k]; i >= 0; i = parents_[i]) {
      double* const above = &factor_[i * stride_];
      const double factor = row[i];
      for (int b = 0; b < kBase; ++b) above[b] -= factor * row[b];
      for (int j = i; j >= 0; j = parents_[j]) above[j] -= factor * row[j];
    }
    for (int b = 0; b < kBase; ++b) {
      double* const above = &factor_[b * stride_];
      const double factor = row[b];
      for (int c = 0; c <= b; ++c) above[c] -= factor * row[c];
    }
  }
}

void TreeDynamics::UpdateInertia() {
  ComputeInertias();
  FillMatrix();
  base_ > 0 ? Factorize<kFreeVelocities>() : Factorize<0>();
  std::fill(has_joint_row_.begin(), has_joint_row_.end(), false);
  is_valid_ = true;
}

template <int kBase>
inline void TreeDynamics::Eliminate(int k, double* values) const {
  const double* const row = &factor_[k * stride_];
  const double value = values[k] * inverse_diagonal_[k];
  values[k] = value;
  for (int b = 0; b < kBase; ++b) values[b] -= row[b] * value;
  for (int i = parents_[k]; i >= 0; i = parents_[i]) values[i] -= row[i] * value;
}

template <int kBase>
inline void TreeDynamics::EliminateBase(double* values) const {
  for (int k = kBase - 1; k >= 0; --k) {
    const double* const row = &factor_[k * stride_];
    const double value = values[k] * inverse_diagonal_[k];
    values[k] = value;
    for (int i = 0; i < k; ++i) values[i] -= row[i] * value;
  }
}

template <int kBase>
void TreeDynamics::WhitenAll(double* values) const {
  for (int k = num_velocities_ - 1; k >= kBase; --k) Eliminate<kBase>(k, values);
  EliminateBase<kBase>(values);
}

template <int kBase>
void TreeDynamics::WhitenPath(int last, double* values) const {
  for (int k = last; k >= 0; k = parents_[k]) Eliminate<kBase>(k, values);
  EliminateBase<kBase>(values);
}

template <int kBase>
void TreeDynamics::UnwhitenAll(double* values) const {
  for (int k = 0; k < kBase; ++k) {
    const double* const row = &factor_[k * stride_];
    double sum = values[k];
    for (int i = 0; i < k; ++i) sum -= row[i] * values[i];
    values[k] = sum * inverse_diagonal_[k];
  }
  for (int k = kBase; k < num_velocities_; ++k) {
    const double* const row = &factor_[k * stride_];
    double sum = values[k];
    for (int b = 0; b < kBase; ++b) sum -= row[b] * values[b];
    for (int i = parents_[k]; i >= 0; i = parents_[i]) sum -= row[i] * values[i];
    values[k] = sum * inverse_diagonal_[k];
  }
}

void TreeDynamics::Unwhiten(double* values) const {
  base_ > 0 ? UnwhitenAll<kFreeVelocities>(values) : UnwhitenAll<0>(values);
}

void TreeDynamics::Solve(double* values) const {
  base_ > 0 ? WhitenAll<kFreeVelocities>(values) : WhitenAll<0>(values);
  Unwhiten(values);
}

btVector3 TreeDynamics::CentreOf(int link) const {
  const Link& own = links_[1 + link];
  const btTransform& pose = poses_[own.segment];
  return (own.is_merged ? pose * own.place.getOrigin() : pose.getOrigin()) - origin_;
}

// Each link's speed is damped by itself, and not in proportion.
void TreeDynamics::AddDrag() {
  const double linear = body_->getLinearDamping();
  const double angular = body_->getAngularDamping();
  if (linear == 0 && angular == 0) return;
  const int first = base_ > 0 ? 0 : 1;
  for (size_t s = first; s < segments_.size(); ++s) {
    const btVector3& spin = velocities_[s].angular;
    const btMatrix3x3& basis = poses_[s].getBasis();
    const btVector3 momentum = basis * (segments_[s].spin_inertia * (spin * basis));
    forces_[s].angular += angular * (1 + spin.length()) * momentum;
  }
  for (int link = -1; link < body_->getNumLinks(); ++link) {
    const int s = links_[1 + link].segment;
    const double mass = link < 0 ? body_->getBaseMass() : body_->getLinkMass(link);
    if (s < first || mass == 0) continue;
    const btVector3 centre = CentreOf(link);
    const btVector3 velocity = velocities_[s].linear + velocities_[s].angular.cross(centre);
    const btVector3 drag = mass * linear * (1 + velocity.length()) * velocity;
    forces_[s].linear += drag;
    forces_[s].angular += centre.cross(drag);
  }
}

void TreeDynamics::AddPushes() {
  for (int link = 0; link < body_->getNumLinks(); ++link) {
    const btVector3& push = body_->getLinkForce(link);
    Spatial& force = forces_[links_[1 + link].segment];
    force.linear -= push;
    force.angular -= body_->getLinkTorque(link) + CentreOf(link).cross(push);
  }
}

void TreeDynamics::GetForces(const btVector3& gravity, bool links_are_pushed,
                             absl::Span<double> forces) {
  const size_t count = segments_.size();
  const bool is_free = base_ > 0;
  const btVector3 none(0, 0, 0);
  velocities_[0] = {is_free ? body_->getBaseOmega() : none, is_free ? body_->getBaseVel() : none};
  // That of the base's point at the origin, which moves, is zero.
  accelerations_[0] = {none, -gravity - velocities_[0].angular.cross(velocities_[0].linear)};
  const double* const rates = body_->getVelocityVector() + kFreeVelocities;
  for (size_t s = 0; s < count; ++s) {
    Spatial& velocity = velocities_[s];
    Spatial& acceleration = accelerations_[s];
    if (s > 0) {
      const Spatial& above = velocities_[segments_[s].parent];
      const Spatial motion = {rates[s - 1] * axes_[s].angular, rates[s - 1] * axes_[s].linear};
      velocity = {above.angular + motion.angular, above.linear + motion.linear};
      const Spatial& base = accelerations_[segments_[s].parent];
      acceleration.angular = base.angular + above.angular.cross(motion.angular);
      acceleration.linear =
          base.linear + above.angular.cross(motion.linear) + above.linear.cross(motion.angular);
    } else if (!is_free) {
      continue;
    }
    const Inertia& inertia = inertias_[s];
    const btVector3 linear =
        inertia.mass * velocity.linear + velocity.angular.cross(inertia.moment);
    const btVector3 angular =
        inertia.matrix * velocity.angular + inertia.moment.cross(velocity.linear);
    Spatial& force = forces_[s];
    force.linear = inertia.mass * acceleration.linear + acceleration.angular.cross(inertia.moment) +
                   velocity.angular.cross(linear);
    force.angular = inertia.matrix * acceleration.angular +
                    inertia.moment.cross(acceleration.linear) + velocity.angular.cross(angular) +
                    velocity.linear.cross(linear);
  }
  AddDrag();
  if (links_are_pushed) AddPushes();
  for (size_t s = count - 1; s > 0; --s) {
    const Spatial& force = forces_[s];
    const Segment& segment = segments_[s];
    forces[base_ + s - 1] =
        body_->getJointTorque(segment.link) -
        (axes_[s].angular.dot(force.angular) + axes_[s].linear.dot(force.linear));
    forces_[segment.parent].angular += force.angular;
    forces_[segment.parent].linear += force.linear;
  }
  if (!is_free) return;
  const btVector3 torque = body_->getBaseTorque() - forces_[0].angular;
  const btVector3 push = body_->getBaseForce() - forces_[0].linear;
  for (int i = 0; i < 3; ++i) {
    forces[i] = torque[i];
    forces[3 + i] = push[i];
  }
}

double TreeDynamics::ContactRow(int link, const btVector3& point, const btVector3& axis, bool turns,
                                double* row) const {
  // A unit impulse along the row.
  const Spatial push =
      turns ? Spatial{axis, btVector3(0, 0, 0)} : Spatial{(point - origin_).cross(axis), axis};
  const double* const velocities = body_->getVelocityVector();
  double velocity = 0;
  if (base_ > 0) {
    for (int i = 0; i < 3; ++i) {
      row[i] = push.angular[i];
      row[3 + i] = push.linear[i];
      velocity += row[i] * velocities[i] + row[3 + i] * velocities[3 + i];
    }
  }
  const int segment = links_[1 + link].segment;
  for (int s = segment; s > 0; s = segments_[s].parent) {
    const int k = base_ + s - 1;
    row[k] = axes_[s].angular.dot(push.angular) + axes_[s].linear.dot(push.linear);
    velocity += row[k] * velocities[kFreeVelocities + s - 1];
  }
  const int last = segment == 0 ? -1 : base_ + segment - 1;
  base_ > 0 ? WhitenPath<kFreeVelocities>(last, row) : WhitenPath<0>(last, row);
  return velocity;
}

const double* TreeDynamics::JointRow(int dof) {
  double* const row = &joint_rows_[dof * stride_];
  if (has_joint_row_[dof]) return row;
  has_joint_row_[dof] = true;
  const int k = base_ + dof;
  std::fill(row, row + stride_, 0.0);
  row[k] = 1;
  base_ > 0 ? WhitenPath<kFreeVelocities>(k, row) : WhitenPath<0>(k, row);
  return row;
}

const double* TreeDynamics::InverseColumn(int dof) {
  if (!is_valid_) {
    UpdatePoses();
    UpdateInertia();
  }
  const double* const row = JointRow(dof);
  std::copy(row, row + num_velocities_, column_.begin());
  Unwhiten(column_.data());
  return column_.data();
}

}  // namespace armature
