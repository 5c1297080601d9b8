#include "envserver/bullet/urdf.h"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <utility>

#include "BulletCollision/CollisionShapes/btBoxShape.h"
#include "BulletCollision/CollisionShapes/btCompoundShape.h"
#include "BulletCollision/CollisionShapes/btConvexHullShape.h"
#include "BulletCollision/CollisionShapes/btCylinderShape.h"
#include "BulletCollision/CollisionShapes/btSphereShape.h"
#include "Eigen/Core"
#include "Eigen/Eigenvalues"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tiny_obj_loader.h"
#include "urdf_parser/urdf_parser.h"

namespace armature {
namespace {

btVector3 ToBullet(const urdf::Vector3& v) { return btVector3(v.x, v.y, v.z); }

btTransform ToBullet(const urdf::Pose& pose) {
  const urdf::Rotation& r = pose.rotation;
  return btTransform(btQuaternion(r.x, r.y, r.z, r.w), ToBullet(pose.position));
}

// A compound that owns its children.
struct Compound : btCompoundShape {
  explicit Compound() { setMargin(kCollisionMargin); }
  void Add(const btTransform& pose, std::shared_ptr<btCollisionShape> shape) {
    addChildShape(pose, shape.get());
    children.push_back(std::move(shape));
  }
  std::vector<std::shared_ptr<btCollisionShape>> children;
};

absl::StatusOr<std::shared_ptr<btCollisionShape>> LoadHull(const std::string& path,
                                                           const btVector3& scale) {
  tinyobj::ObjReader reader;
  if (!reader.ParseFromFile(path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read mesh ", path, ": ", reader.Error()));
  }
  auto hull = std::make_shared<btConvexHullShape>();
  hull->setMargin(kCollisionMargin);
  const std::vector<tinyobj::real_t>& vertices = reader.GetAttrib().vertices;
  for (const tinyobj::shape_t& shape : reader.GetShapes()) {
    for (const tinyobj::index_t& index : shape.mesh.indices) {
      const tinyobj::real_t* v = &vertices[3 * index.vertex_index];
      hull->addPoint(btVector3(v[0], v[1], v[2]) * scale, /*recalculateLocalAabb=*/false);
    }
  }
  if (hull->getNumPoints() == 0) {
    return absl::InvalidArgumentError(absl::StrCat("mesh ", path, " has no faces"));
  }
  hull->recalcLocalAabb();
  hull->optimizeConvexHull();
  return hull;
}

absl::StatusOr<std::shared_ptr<btCollisionShape>> MakeShape(const urdf::Geometry& geometry,
                                                            const std::string& mesh_folder) {
  switch (geometry.type) {
    case urdf::Geometry::SPHERE:
      return std::make_shared<btSphereShape>(static_cast<const urdf::Sphere&>(geometry).radius);
    case urdf::Geometry::BOX: {
      auto box =
          std::make_shared<btBoxShape>(ToBullet(static_cast<const urdf::Box&>(geometry).dim) * 0.5);
      box->setMargin(kCollisionMargin);
      return box;
    }
    case urdf::Geometry::CYLINDER: {
      const auto& cylinder = static_cast<const urdf::Cylinder&>(geometry);
      auto shape = std::make_shared<btCylinderShapeZ>(
          btVector3(cylinder.radius, cylinder.radius, cylinder.length / 2));
      shape->setMargin(kCollisionMargin);
      return shape;
    }
    case urdf::Geometry::MESH: {
      const auto& mesh = static_cast<const urdf::Mesh&>(geometry);
      return LoadHull(
          absl::StrCat(mesh_folder, "/", absl::StripPrefix(mesh.filename, "package://")),
          ToBullet(mesh.scale));
    }
    default:  // Later versions of urdfdom have more shapes.
      return absl::InvalidArgumentError("unknown collision geometry");
  }
}

void ReadInertia(const urdf::Inertial& inertial, LinkModel* link) {
  link->mass = inertial.mass;
  link->inertial_frame = ToBullet(inertial.origin);
  link->inertia_diagonal = btVector3(inertial.ixx, inertial.iyy, inertial.izz);
  if (inertial.ixy == 0 && inertial.ixz == 0 && inertial.iyz == 0) return;
  Eigen::Matrix3d matrix;
  matrix << inertial.ixx, inertial.ixy, inertial.ixz,  //
      inertial.ixy, inertial.iyy, inertial.iyz,        //
      inertial.ixz, inertial.iyz, inertial.izz;
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(matrix);
  Eigen::Matrix3d axes = solver.eigenvectors();
  if (axes.determinant() < 0) axes.col(0) = -axes.col(0);
  link->inertial_frame.getBasis() *=
      btMatrix3x3(axes(0, 0), axes(0, 1), axes(0, 2), axes(1, 0), axes(1, 1), axes(1, 2),
                  axes(2, 0), axes(2, 1), axes(2, 2));
  const Eigen::Vector3d diagonal = solver.eigenvalues();
  link->inertia_diagonal = btVector3(diagonal[0], diagonal[1], diagonal[2]);
}

absl::Status ReadCollision(const urdf::Link& urdf_link, const std::string& mesh_folder,
                           InertiaSource inertia_source, LinkModel* link) {
  if (inertia_source == InertiaSource::kCollisionBox) link->inertia_diagonal.setZero();
  if (urdf_link.collision_array.empty()) return absl::OkStatus();
  auto compound = std::make_shared<Compound>();
  // The bindings wrap every mesh in a compound shape; the compound's margin is part of the bounding
  // box from which the inertia is computed.
  Compound wrapped;
  for (const urdf::CollisionSharedPtr& collision : urdf_link.collision_array) {
    if (collision->geometry == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("link '", urdf_link.name, "' has a collision without geometry"));
    }
    auto shape = MakeShape(*collision->geometry, mesh_folder);
    if (!shape.ok()) return shape.status();
    const btTransform pose = link->inertial_frame.inverse() * ToBullet(collision->origin);
    compound->Add(pose, *shape);
    if (collision->geometry->type == urdf::Geometry::MESH) {
      auto wrapper = std::make_shared<Compound>();
      wrapper->Add(btTransform::getIdentity(), *shape);
      wrapped.Add(pose, wrapper);
    } else {
      wrapped.Add(pose, *shape);
    }
  }
  if (inertia_source == InertiaSource::kCollisionBox && link->mass > 0) {
    wrapped.calculateLocalInertia(link->mass, link->inertia_diagonal);
  }
  link->shape = std::move(compound);
  return absl::OkStatus();
}

absl::Status ReadJoint(const urdf::Joint& joint, LinkModel* link) {
  link->parent_to_joint = ToBullet(joint.parent_to_joint_origin_transform);
  switch (joint.type) {
    case urdf::Joint::FIXED:
      return absl::OkStatus();
    case urdf::Joint::REVOLUTE:
    case urdf::Joint::CONTINUOUS:
      link->joint_type = JointType::kRevolute;
      break;
    case urdf::Joint::PRISMATIC:
      link->joint_type = JointType::kPrismatic;
      break;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("joint '", joint.name, "' is not fixed, revolute, continuous or prismatic"));
  }
  if (joint.axis.x == 0 && joint.axis.y == 0 && joint.axis.z == 0) {
    return absl::InvalidArgumentError(absl::StrCat("joint '", joint.name, "' has a zero axis"));
  }
  link->axis = ToBullet(joint.axis).normalized();
  if (joint.dynamics != nullptr) {
    for (const auto& [name, value] :
         {std::pair{"damping", joint.dynamics->damping}, {"friction", joint.dynamics->friction}}) {
      if (std::isfinite(value) && value >= 0) continue;
      return absl::InvalidArgumentError(absl::StrCat("joint '", joint.name, "' has a ", name,
                                                     " of ", value, "; expected 0 or more"));
    }
    link->damping = joint.dynamics->damping;
    link->friction = joint.dynamics->friction;
  }
  if (joint.type != urdf::Joint::CONTINUOUS && joint.limits != nullptr &&
      joint.limits->lower <= joint.limits->upper) {
    link->has_limits = true;
    link->position_low = joint.limits->lower;
    link->position_high = joint.limits->upper;
  }
  return absl::OkStatus();
}

class UrdfReader {
 public:
  UrdfReader(std::string mesh_folder, InertiaSource inertia_source)
      : mesh_folder_(std::move(mesh_folder)), inertia_source_(inertia_source) {}

  absl::Status ReadLink(const urdf::Link& urdf_link, LinkModel* link) const {
    link->name = urdf_link.name;
    if (urdf_link.inertial != nullptr) ReadInertia(*urdf_link.inertial, link);
    return ReadCollision(urdf_link, mesh_folder_, inertia_source_, link);
  }

  // Depth first; children in the order of their joints' names.
  absl::Status ReadChildren(const urdf::Link& parent, int parent_index, BodyModel* model) const {
    for (const urdf::LinkSharedPtr& child : parent.child_links) {
      LinkModel link;
      link.parent = parent_index;
      link.joint_name = child->parent_joint->name;
      if (absl::Status status = ReadJoint(*child->parent_joint, &link); !status.ok()) return status;
      if (absl::Status status = ReadLink(*child, &link); !status.ok()) return status;
      model->links.push_back(std::move(link));
      const int index = static_cast<int>(model->links.size()) - 1;
      if (absl::Status status = ReadChildren(*child, index, model); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  std::string mesh_folder_;
  InertiaSource inertia_source_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const BodyModel>> ParseUrdf(const std::string& urdf,
                                                           const std::string& folder,
                                                           const UrdfOptions& options) {
  const urdf::ModelInterfaceSharedPtr parsed = urdf::parseURDF(urdf);
  if (parsed == nullptr || parsed->getRoot() == nullptr) {
    return absl::InvalidArgumentError("the URDF does not parse; the parser's messages are above");
  }
  const UrdfReader reader(folder, options.inertia_source);
  auto model = std::make_shared<BodyModel>();
  model->name = parsed->getName();
  const urdf::Link& root = *parsed->getRoot();
  if (absl::Status status = reader.ReadLink(root, &model->base); !status.ok()) return status;
  if (absl::Status status = reader.ReadChildren(root, -1, model.get()); !status.ok()) return status;
  return model;
}

absl::StatusOr<std::shared_ptr<const BodyModel>> LoadUrdf(const std::string& path,
                                                          const UrdfOptions& options) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto model = ParseUrdf(text, path.substr(0, path.find_last_of('/')), options);
  if (!model.ok()) {
    return absl::Status(model.status().code(), absl::StrCat(path, ": ", model.status().message()));
  }
  return model;
}

}  // namespace armature
