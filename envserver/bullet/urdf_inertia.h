// Masses and inertias of a URDF's links, and what is done about those that would give NaN. For
// urdf.cc.
//
// Thread safety: free functions.
#ifndef ARMATURE_ENVSERVER_BULLET_URDF_INERTIA_H_
#define ARMATURE_ENVSERVER_BULLET_URDF_INERTIA_H_

#include <string>

#include "envserver/bullet/body_model.h"
#include "envserver/bullet/urdf.h"
#include "envserver/bullet/urdf_xml.h"

namespace armature {

// Reads <inertial>. Throws UrdfError if the mass or a principal moment is below 0; warns of
// inertias that no body can have.
void ReadInertia(const XMLElement& inertial, InertiaSource source, const std::string& owner,
                 UrdfWarnings* warnings, LinkModel* link);

// If the base has no mass, it takes the masses of the links that are fixed to it, so that it can be
// a free base.
void GiveBaseItsMass(BodyModel* model, UrdfWarnings* warnings);

// A joint that moves no mass or inertia has no finite acceleration: its link gets a little, with a
// warning.
void FillEmptyJoints(BodyModel* model, UrdfWarnings* warnings);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_URDF_INERTIA_H_
