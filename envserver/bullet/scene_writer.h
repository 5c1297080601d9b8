// What viewers see of a world: each link that has shapes is a body of the scene, named "BODY/LINK"
// (a body of one link: "BODY").
//
// Thread safety: free functions, like their world.
#ifndef ARMATURE_ENVSERVER_BULLET_SCENE_WRITER_H_
#define ARMATURE_ENVSERVER_BULLET_SCENE_WRITER_H_

#include <string>

#include "common/scene/scene.h"
#include "envserver/bullet/bullet_world.h"

namespace armature {

// Appends the links of `body`, in their present sizes and colours.
void AppendToScene(const Body& body, Scene* scene);
// Appends all bodies of the world, in order.
void AppendToScene(const BulletWorld& world, Scene* scene);

// Appends the present poses of the same links, in the same order. Allocates only when `view` is
// new.
void AppendPoses(const Body& body, SceneView* view);
void AppendPoses(const BulletWorld& world, SceneView* view);
// Returns the name of the scene's body that is the base of the world's only robot, if that base is
// free and shown: what a viewer follows. Else "". A robot is a body with joints.
std::string RoamingBody(const BulletWorld& world);
// Appends the contacts of the last step.
void AppendContacts(const BulletWorld& world, SceneView* view);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_SCENE_WRITER_H_
