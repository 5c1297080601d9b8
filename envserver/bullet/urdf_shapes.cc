#include "envserver/bullet/urdf_shapes.h"

#include <algorithm>
#include <utility>

#include "BulletCollision/CollisionShapes/btConvexHullShape.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envserver/bullet/mesh.h"
#include "envserver/bullet/primitive.h"

namespace armature {
namespace {

using Kind = SceneShape::Kind;

ScenePose ToScene(const btTransform& pose) {
  const btVector3& p = pose.getOrigin();
  const btQuaternion q = pose.getRotation();
  return {p.x(), p.y(), p.z(), q.x(), q.y(), q.z(), q.w()};
}

}  // namespace

void UrdfShapeReader::ReadMaterials(const XMLElement& robot) {
  const auto read = [&](const XMLElement& material) {
    const XMLElement* color = material.FirstChildElement("color");
    const char* name = material.Attribute("name");
    const char* rgba = color == nullptr ? nullptr : color->Attribute("rgba");
    if (name == nullptr || rgba == nullptr) return;
    Colour colour;
    const std::vector<std::string> words =
        absl::StrSplit(rgba, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
    bool good = words.size() == 4;
    for (int i = 0; good && i < 4; ++i) good = absl::SimpleAtod(words[i], &colour[i]);
    if (good) {
      materials_[name] = colour;
    } else {
      warnings_->Add(absl::StrCat("material '", name, "' has rgba='", rgba,
                                  "', which is not four numbers; it has no colour"));
    }
  };
  ForEachChild(robot, "material", read);
  ForEachChild(robot, "link", [&](const XMLElement& link) {
    ForEachChild(link, "visual",
                 [&](const XMLElement& visual) { ForEachChild(visual, "material", read); });
  });
}

void UrdfShapeReader::ReadLink(const XMLElement& element, const std::string& owner,
                               LinkModel* link) {
  ReadCollision(element, owner, link);
  if (options_.read_looks) ReadLooks(element, owner, link);
}

std::shared_ptr<const SceneMesh> UrdfShapeReader::ReadMesh(const XMLElement& mesh,
                                                           const std::string& owner) {
  const char* name = mesh.Attribute("filename");
  if (name == nullptr) throw UrdfError(absl::StrCat(owner, ": a <mesh> has no filename"));
  const auto path = FindMesh(name, folder_, options_.package_folders);
  if (!path.ok()) throw UrdfError(absl::StrCat(owner, ": ", path.status().message()));
  std::shared_ptr<const SceneMesh>& cached = meshes_[*path];
  if (cached == nullptr) {
    auto loaded = LoadMesh(*path);
    if (!loaded.ok()) throw UrdfError(absl::StrCat(owner, ": ", loaded.status().message()));
    cached = *std::move(loaded);
  }
  return cached;
}

bool UrdfShapeReader::ReadGeometry(const XMLElement& element, const std::string& owner,
                                   SceneShape* shape) {
  const XMLElement* geometry = element.FirstChildElement("geometry");
  const XMLElement* kind = geometry == nullptr ? nullptr : geometry->FirstChildElement();
  if (kind == nullptr) {
    throw UrdfError(absl::StrCat(owner, ": a <", element.Name(), "> has no geometry"));
  }
  const std::string name = kind->Name();
  if (name == "mesh") {
    shape->kind = Kind::kMesh;
    const btVector3 scale = ReadVector(*kind, "scale", btVector3(1, 1, 1), owner);
    shape->size = {scale.x(), scale.y(), scale.z()};
    shape->mesh = ReadMesh(*kind, owner);
    return true;
  }
  if (name == "box") {
    shape->kind = Kind::kBox;
    const btVector3 size = ReadVector(*kind, "size", btVector3(0, 0, 0), owner);
    shape->size = {size.x(), size.y(), size.z()};
  } else if (name == "sphere") {
    shape->kind = Kind::kSphere;
    shape->size = {RequireNumber(*kind, "radius", owner), 0, 0};
  } else if (name == "cylinder" || name == "capsule") {
    shape->kind = name == "cylinder" ? Kind::kCylinder : Kind::kCapsule;
    shape->size = {RequireNumber(*kind, "radius", owner), RequireNumber(*kind, "length", owner), 0};
  } else {
    throw UrdfError(absl::StrCat(owner, ": <", name,
                                 "> is no geometry that is known; expected box, "
                                 "sphere, cylinder, capsule or mesh"));
  }
  const int used = name == "box" ? 3 : name == "sphere" ? 1 : 2;
  for (int i = 0; i < used; ++i) {
    if (shape->size[i] > 0) continue;
    warnings_->Add(absl::StrCat(owner, ": a <", name, "> of a <", element.Name(),
                                "> has a size of ", shape->size[i], " and is left out"));
    return false;
  }
  return true;
}

std::shared_ptr<btCollisionShape> UrdfShapeReader::MakeHull(const SceneShape& shape) const {
  auto hull = std::make_shared<btConvexHullShape>();
  hull->setMargin(kCollisionMargin);
  const btVector3 scale(shape.size[0], shape.size[1], shape.size[2]);
  for (const int32_t index : shape.mesh->triangles) {
    const float* v = &shape.mesh->vertices[3 * index];
    hull->addPoint(btVector3(v[0], v[1], v[2]) * scale, /*recalculateLocalAabb=*/false);
  }
  hull->recalcLocalAabb();
  hull->optimizeConvexHull();
  return hull;
}

void UrdfShapeReader::ReadCollision(const XMLElement& element, const std::string& owner,
                                    LinkModel* link) {
  const bool box_inertia = options_.inertia_source == InertiaSource::kCollisionBox;
  if (box_inertia) link->inertia_diagonal.setZero();
  auto compound = std::make_shared<OwningCompound>();
  // The bindings wrap every mesh in a compound shape; the compound's margin is part of the bounding
  // box from which the inertia is computed.
  OwningCompound wrapped;
  ForEachChild(element, "collision", [&](const XMLElement& collision) {
    SceneShape look;
    if (!ReadGeometry(collision, owner, &look)) return;
    const btTransform origin = ReadOrigin(collision, owner);
    look.pose = ToScene(origin);
    link->collision_looks.push_back(look);
    const bool is_mesh = look.kind == Kind::kMesh;
    const std::shared_ptr<btCollisionShape> shape =
        is_mesh ? MakeHull(look) : MakePrimitive(look.kind, look.size);
    const btTransform pose = link->inertial_frame.inverse() * origin;
    compound->Add(pose, shape);
    if (is_mesh) {
      auto wrapper = std::make_shared<OwningCompound>();
      wrapper->Add(btTransform::getIdentity(), shape);
      wrapped.Add(pose, wrapper);
    } else {
      wrapped.Add(pose, shape);
    }
  });
  if (compound->children.empty()) return;
  if (box_inertia && link->mass > 0) {
    wrapped.calculateLocalInertia(link->mass, link->inertia_diagonal);
  }
  link->shape = std::move(compound);
}

void UrdfShapeReader::ReadLooks(const XMLElement& element, const std::string& owner,
                                LinkModel* link) {
  ForEachChild(element, "visual", [&](const XMLElement& visual) {
    SceneShape look;
    try {
      if (!ReadGeometry(visual, owner, &look)) return;
    } catch (const UrdfError& error) {
      warnings_->Add(absl::StrCat(error.what(), "; viewers do not see it"));
      return;
    }
    look.pose = ToScene(ReadOrigin(visual, owner));
    if (const XMLElement* material = visual.FirstChildElement("material")) {
      const char* name = material->Attribute("name");
      const auto found = materials_.find(name == nullptr ? "" : name);
      if (found != materials_.end()) look.colour = found->second;
      if (material->FirstChildElement("texture") != nullptr) {
        warnings_->AddUnused(*material->FirstChildElement("texture"));
      }
    }
    link->looks.push_back(std::move(look));
  });
}

}  // namespace armature
