#include "envserver/bullet/scene_writer.h"

#include "absl/strings/str_cat.h"

namespace armature {
namespace {

const std::vector<SceneShape>& ShapesOf(const LinkModel& link) {
  return link.looks.empty() ? link.collision_looks : link.looks;
}

ScenePose ToScene(const btTransform& pose) {
  const btVector3& p = pose.getOrigin();
  const btQuaternion q = pose.getRotation();
  return {p.x(), p.y(), p.z(), q.x(), q.y(), q.z(), q.w()};
}

std::array<float, 3> ToScene(const btVector3& v) {
  return {static_cast<float>(v.x()), static_cast<float>(v.y()), static_cast<float>(v.z())};
}

// The base and every link that is shown, in order.
template <typename Visit>
void ForEachShownLink(const Body& body, Visit visit) {
  for (int link = kBase; link < body.num_links(); ++link) {
    if (!ShapesOf(body.link_model(link)).empty()) visit(link);
  }
}

std::string NameOf(const Body& body, int link) {
  return body.num_links() == 0 ? body.name()
                               : absl::StrCat(body.name(), "/", body.link_model(link).name);
}

}  // namespace

void AppendToScene(const Body& body, Scene* scene) {
  ForEachShownLink(body, [&](int link) {
    const LinkModel& model = body.link_model(link);
    SceneBody shown;
    shown.name = NameOf(body, link);
    scene->bodies.push_back(shown);
    for (SceneShape shape : ShapesOf(model)) {
      shape.body = static_cast<int>(scene->bodies.size()) - 1;
      if (body.colour(link).has_value()) shape.colour = *body.colour(link);
      if (body.has_size()) shape.size = body.size();
      scene->shapes.push_back(std::move(shape));
    }
  });
}

void AppendToScene(const BulletWorld& world, Scene* scene) {
  for (int i = 0; i < world.num_bodies(); ++i) AppendToScene(world.body(i), scene);
}

void AppendPoses(const Body& body, SceneView* view) {
  ForEachShownLink(body, [&](int link) { view->poses.push_back(ToScene(body.LinkPose(link))); });
}

void AppendPoses(const BulletWorld& world, SceneView* view) {
  for (int i = 0; i < world.num_bodies(); ++i) AppendPoses(world.body(i), view);
}

std::string RoamingBody(const BulletWorld& world) {
  const Body* robot = nullptr;
  for (int i = 0; i < world.num_bodies(); ++i) {
    const Body& body = world.body(i);
    if (body.num_dofs() == 0) continue;
    if (robot != nullptr) return "";
    robot = &body;
  }
  if (robot == nullptr || robot->has_fixed_base() || ShapesOf(robot->link_model(kBase)).empty()) {
    return "";
  }
  return NameOf(*robot, kBase);
}

void AppendContacts(const BulletWorld& world, SceneView* view) {
  for (const ContactPoint& contact : world.contacts()) {
    view->contacts.push_back({ToScene(contact.position_on_b), ToScene(contact.normal_on_b),
                              static_cast<float>(contact.normal_force)});
  }
}

}  // namespace armature
