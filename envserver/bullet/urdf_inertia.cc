#include "envserver/bullet/urdf_inertia.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "Eigen/Core"
#include "Eigen/Eigenvalues"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envserver/bullet/urdf_shapes.h"

namespace armature {
namespace {

constexpr double kGyrationMax = 10;        // m; a larger radius of gyration is named.
constexpr double kLeastMass = 1e-3;        // kg
constexpr double kLeastInertia = 1e-6;     // kg.m2
constexpr double kEmptyInertia = 1e-9;     // kg.m2; at most this counts as none.
constexpr double kEmptyMass = 1e-9;        // kg
constexpr double kRoundedMoment = 1e-9;    // kg.m2; smaller ones below 0 are rounding.
constexpr double kNegativeShareMax = 0.5;  // Of the largest moment: a bad estimate, not a slip.
constexpr double kRoundedShare = 1e-12;    // Of the largest moment: the computer's own rounding.
constexpr double kSlightShare = 0.01;      // Of what moves as one: too little to matter.

// Turns a link's inertial frame into the principal axes of `matrix`.
void UsePrincipalAxes(const Eigen::Matrix3d& matrix, LinkModel* link) {
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(matrix);
  Eigen::Matrix3d axes = solver.eigenvectors();
  if (axes.determinant() < 0) axes.col(0) = -axes.col(0);
  link->inertial_frame.getBasis() *=
      btMatrix3x3(axes(0, 0), axes(0, 1), axes(0, 2), axes(1, 0), axes(1, 1), axes(1, 2),
                  axes(2, 0), axes(2, 1), axes(2, 2));
  const Eigen::Vector3d diagonal = solver.eigenvalues();
  link->inertia_diagonal = btVector3(diagonal[0], diagonal[1], diagonal[2]);
}

void CheckMoments(const std::string& owner, std::vector<InertiaNote>* notes, LinkModel* link) {
  const auto note = [&](const auto&... text) {
    notes->push_back({link->name, absl::StrCat(owner, text...)});
  };
  btVector3& moments = link->inertia_diagonal;
  const double largest = std::max({moments.x(), moments.y(), moments.z()});
  for (int i = 0; i < 3; ++i) {
    if (moments[i] >= 0) continue;
    if (moments[i] < -kRoundedMoment && moments[i] < -kNegativeShareMax * largest) {
      throw UrdfError(absl::StrCat(owner, " has a principal moment of inertia of ", moments[i],
                                   " kg.m2; expected 0 or more"));
    }
    if (moments[i] < -kRoundedShare * largest) {
      note(" has a principal moment of inertia of ", moments[i], " kg.m2, which becomes 0");
    }
    moments[i] = 0;
  }
  if (link->mass == 0) {
    if (largest > 0) note(" has an inertia but no mass");
    return;
  }
  if (largest == 0) {
    note(" has a mass of ", link->mass, " kg and no rotational inertia: a point mass");
    return;
  }
  const double sum = moments.x() + moments.y() + moments.z();
  if (2 * largest > sum * (1 + 1e-3)) {
    note(" has principal moments of inertia ", moments.x(), ", ", moments.y(), ", ", moments.z(),
         " kg.m2; no body has one above the sum of the others");
  }
  const double gyration = std::sqrt(largest / link->mass);
  if (gyration > kGyrationMax) {
    note(" has an inertia of ", largest, " kg.m2 with a mass of ", link->mass,
         " kg: a radius of gyration of ", gyration, " m");
  }
}

// Poses of the links' frames in the base's frame with all joints at 0.
std::vector<btTransform> ZeroPoses(const BodyModel& model) {
  std::vector<btTransform> poses;
  for (const LinkModel& link : model.links) {
    poses.push_back(link.parent < 0 ? link.parent_to_joint
                                    : poses[link.parent] * link.parent_to_joint);
  }
  return poses;
}

// Mass, first moment and inertia about the origin of the base's frame.
struct Composite {
  double mass = 0;
  btVector3 moment = btVector3(0, 0, 0);
  Eigen::Matrix3d inertia = Eigen::Matrix3d::Zero();
};

Eigen::Matrix3d Square(const btVector3& v) {
  const Eigen::Vector3d e(v.x(), v.y(), v.z());
  return e.squaredNorm() * Eigen::Matrix3d::Identity() - e * e.transpose();
}

Composite CompositeOf(const LinkModel& link, const btTransform& pose) {
  const btTransform centre = pose * link.inertial_frame;
  const btMatrix3x3 turned =
      centre.getBasis().scaled(link.inertia_diagonal).timesTranspose(centre.getBasis());
  Composite composite;
  composite.mass = link.mass;
  composite.moment = link.mass * centre.getOrigin();
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) composite.inertia(i, j) = turned[i][j];
  }
  composite.inertia += link.mass * Square(centre.getOrigin());
  return composite;
}

void Add(const Composite& part, Composite* whole) {
  whole->mass += part.mass;
  whole->moment += part.moment;
  whole->inertia += part.inertia;
}

// About the centre of mass.
Eigen::Matrix3d CentralInertia(const Composite& whole) {
  return whole.inertia - whole.mass * Square(whole.moment / whole.mass);
}

// Whether `link` weighs and resists turning so little, beside what it is fixed to, that it could as
// well have no inertia.
bool IsSlight(const LinkModel& link, const Composite& whole) {
  if (whole.mass == 0 || link.mass > kSlightShare * whole.mass) return false;
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(CentralInertia(whole),
                                                              Eigen::EigenvaluesOnly);
  const btVector3& own = link.inertia_diagonal;
  return std::max({own.x(), own.y(), own.z()}) <= kSlightShare * solver.eigenvalues()[0];
}

}  // namespace

void ReadInertia(const XMLElement& inertial, InertiaSource source, const std::string& owner,
                 std::vector<InertiaNote>* notes, LinkModel* link) {
  const XMLElement* mass = inertial.FirstChildElement("mass");
  const XMLElement* inertia = inertial.FirstChildElement("inertia");
  if (mass != nullptr) link->mass = RequireNumber(*mass, "value", owner);
  if (link->mass < 0) {
    throw UrdfError(absl::StrCat(owner, " has a mass of ", link->mass, "; expected 0 or more"));
  }
  link->inertial_frame = ReadOrigin(inertial, owner);
  if (inertia == nullptr) {
    if (source == InertiaSource::kUrdf) CheckMoments(owner, notes, link);
    return;
  }
  const auto read = [&](const char* name) { return ReadNumber(*inertia, name, 0, owner); };
  const double xx = read("ixx"), xy = read("ixy"), xz = read("ixz");
  const double yy = read("iyy"), yz = read("iyz"), zz = read("izz");
  link->inertia_diagonal = btVector3(xx, yy, zz);
  if (xy != 0 || xz != 0 || yz != 0) {
    Eigen::Matrix3d matrix;
    matrix << xx, xy, xz, xy, yy, yz, xz, yz, zz;
    UsePrincipalAxes(matrix, link);
  }
  if (source == InertiaSource::kUrdf) CheckMoments(owner, notes, link);
}

void WarnOfInertias(const BodyModel& model, const std::vector<InertiaNote>& notes,
                    UrdfWarnings* warnings) {
  const std::vector<btTransform> poses = ZeroPoses(model);
  // By link, the base first: the first of those that move as one with it, and for that one their
  // sum.
  std::vector<size_t> first = {0};
  std::vector<Composite> wholes = {CompositeOf(model.base, btTransform::getIdentity())};
  for (size_t i = 0; i < model.links.size(); ++i) {
    const LinkModel& link = model.links[i];
    first.push_back(link.joint_type == JointType::kFixed ? first[link.parent + 1] : i + 1);
    wholes.emplace_back();
    Add(CompositeOf(link, poses[i]), &wholes[first.back()]);
  }
  for (const InertiaNote& note : notes) {
    const int index = model.LinkIndex(note.link);
    const LinkModel& link = index == kBase ? model.base : model.links[index];
    if (!IsSlight(link, wholes[first[index + 1]])) warnings->Add(note.warning);
  }
}

void GiveBaseItsMass(BodyModel* model, UrdfWarnings* warnings) {
  LinkModel& base = model->base;
  if (base.mass > 0) return;
  const std::vector<btTransform> poses = ZeroPoses(*model);
  std::vector<bool> is_fixed(model->links.size());
  Composite whole = CompositeOf(base, btTransform::getIdentity());
  std::vector<std::string> names;
  for (size_t i = 0; i < model->links.size(); ++i) {
    LinkModel& link = model->links[i];
    is_fixed[i] =
        link.joint_type == JointType::kFixed && (link.parent < 0 || is_fixed[link.parent]);
    if (!is_fixed[i] || link.mass == 0) continue;
    Add(CompositeOf(link, poses[i]), &whole);
    names.push_back(link.name);
  }
  if (names.empty()) return;
  for (size_t i = 0; i < model->links.size(); ++i) {
    if (!is_fixed[i]) continue;
    model->links[i].mass = 0;
    model->links[i].inertia_diagonal.setZero();
  }
  const btTransform old_frame = base.inertial_frame;
  base.mass = whole.mass;
  base.inertial_frame = btTransform::getIdentity();
  base.inertial_frame.setOrigin(whole.moment / whole.mass);
  UsePrincipalAxes(CentralInertia(whole), &base);
  if (auto* old_shape = static_cast<OwningCompound*>(base.shape.get())) {
    auto moved = std::make_shared<OwningCompound>();
    const btTransform change = base.inertial_frame.inverse() * old_frame;
    for (int i = 0; i < old_shape->getNumChildShapes(); ++i) {
      moved->Add(change * old_shape->getChildTransform(i), old_shape->children[i]);
    }
    base.shape = std::move(moved);
  }
  warnings->Add(absl::StrCat("the base '", base.name, "' has no mass and takes those of ",
                             absl::StrJoin(names, ", "), ", which are fixed to it"));
}

void FillEmptyJoints(BodyModel* model, UrdfWarnings* warnings) {
  const std::vector<btTransform> poses = ZeroPoses(*model);
  std::vector<Composite> subtree;
  for (size_t i = 0; i < model->links.size(); ++i) {
    subtree.push_back(CompositeOf(model->links[i], poses[i]));
  }
  for (size_t i = model->links.size(); i-- > 0;) {
    LinkModel& link = model->links[i];
    const btVector3 world_axis = poses[i].getBasis() * link.axis;
    const Eigen::Vector3d axis(world_axis.x(), world_axis.y(), world_axis.z());
    const Composite& moved = subtree[i];
    bool is_empty = link.joint_type == JointType::kPrismatic && moved.mass <= kEmptyMass;
    if (link.joint_type == JointType::kRevolute) {
      // About the joint: the parallel axis theorem twice, from the origin to the joint.
      const btVector3& at = poses[i].getOrigin();
      const btVector3 centre = moved.mass > 0 ? moved.moment / moved.mass : btVector3(0, 0, 0);
      const double about_origin = axis.dot(moved.inertia * axis);
      const double shift = axis.dot((Square(centre - at) - Square(centre)) * axis);
      is_empty = about_origin + moved.mass * shift <= kEmptyInertia;
    }
    if (is_empty) {
      warnings->Add(absl::StrCat(
          "joint '", link.joint_name, "' moves ",
          link.joint_type == JointType::kPrismatic ? "no mass" : "no inertia", "; its link '",
          link.name, "' gets ", kLeastMass, " kg and ", kLeastInertia, " kg.m2"));
      link.mass = std::max(link.mass, kLeastMass);
      for (int k = 0; k < 3; ++k) {
        link.inertia_diagonal[k] = std::max(link.inertia_diagonal[k], kLeastInertia);
      }
      subtree[i] = Composite();
      for (size_t k = i; k < model->links.size(); ++k) {
        // Children have added themselves to what was replaced: sum up again.
        int above = static_cast<int>(k);
        while (above > static_cast<int>(i)) above = model->links[above].parent;
        if (above == static_cast<int>(i)) Add(CompositeOf(model->links[k], poses[k]), &subtree[i]);
      }
    }
    if (link.parent >= 0) Add(subtree[i], &subtree[link.parent]);
  }
}

}  // namespace armature
