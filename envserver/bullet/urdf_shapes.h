// Shapes and looks of a URDF's links. For urdf.cc.
//
// Thread safety: none.
#ifndef ARMATURE_ENVSERVER_BULLET_URDF_SHAPES_H_
#define ARMATURE_ENVSERVER_BULLET_URDF_SHAPES_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "BulletCollision/CollisionShapes/btCompoundShape.h"
#include "envserver/bullet/body_model.h"
#include "envserver/bullet/urdf.h"
#include "envserver/bullet/urdf_xml.h"

namespace armature {

// A compound shape that owns its children.
struct OwningCompound : btCompoundShape {
  OwningCompound() { setMargin(kCollisionMargin); }
  void Add(const btTransform& pose, std::shared_ptr<btCollisionShape> shape) {
    addChildShape(pose, shape.get());
    children.push_back(std::move(shape));
  }
  std::vector<std::shared_ptr<btCollisionShape>> children;
};

class UrdfShapeReader {
 public:
  UrdfShapeReader(std::string folder, const UrdfOptions& options, UrdfWarnings* warnings)
      : folder_(std::move(folder)), options_(options), warnings_(warnings) {}

  // Reads the colours of all materials that have one.
  void ReadMaterials(const XMLElement& robot);
  // Sets shape, looks and collision_looks. If the inertia is that of the collision box, sets it
  // too.
  void ReadLink(const XMLElement& element, const std::string& owner, LinkModel* link);

 private:
  // Fills the shape's kind, size and mesh. Returns false, with a warning, if it has no size.
  bool ReadGeometry(const XMLElement& element, const std::string& owner, SceneShape* shape);
  std::shared_ptr<const SceneMesh> ReadMesh(const XMLElement& mesh, const std::string& owner);
  std::shared_ptr<btCollisionShape> MakeHull(const SceneShape& shape) const;
  void ReadCollision(const XMLElement& element, const std::string& owner, LinkModel* link);
  void ReadLooks(const XMLElement& element, const std::string& owner, LinkModel* link);

  std::string folder_;
  const UrdfOptions& options_;
  UrdfWarnings* warnings_;
  std::map<std::string, Colour> materials_;
  std::map<std::string, std::shared_ptr<const SceneMesh>> meshes_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_URDF_SHAPES_H_
