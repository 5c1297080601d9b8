// Masses and inertias of a URDF's links, and what is done about those that would give NaN. For
// urdf.cc.
//
// Thread safety: free functions.
#ifndef ARMATURE_ENVSERVER_BULLET_URDF_INERTIA_H_
#define ARMATURE_ENVSERVER_BULLET_URDF_INERTIA_H_

#include <string>
#include <vector>

#include "envserver/bullet/body_model.h"
#include "envserver/bullet/urdf.h"
#include "envserver/bullet/urdf_xml.h"

namespace armature {

// What is odd about a link's inertia. It matters or not, depending on what the link is fixed to.
struct InertiaNote {
  std::string link;
  std::string warning;
};

// Reads <inertial>. Throws UrdfError if the mass or a principal moment is below 0; notes inertias
// that no body can have. The link has its name.
void ReadInertia(const XMLElement& inertial, InertiaSource source, const std::string& owner,
                 std::vector<InertiaNote>* notes, LinkModel* link);

// Warns of what was noted, once all links are read and before GiveBaseItsMass, but for links with
// less than 1 % of the mass, and of the least moment of inertia, of the links that move as one with
// them: dummies, such as a base of 1 mg that carries the real one.
void WarnOfInertias(const BodyModel& model, const std::vector<InertiaNote>& notes,
                    UrdfWarnings* warnings);

// If the base has no mass, it takes the masses of the links that are fixed to it, so that it can be
// a free base.
void GiveBaseItsMass(BodyModel* model, UrdfWarnings* warnings);

// A joint that moves no mass or inertia has no finite acceleration: its link gets a little, with a
// warning.
void FillEmptyJoints(BodyModel* model, UrdfWarnings* warnings);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_URDF_INERTIA_H_
