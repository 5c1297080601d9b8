// Reads the elements of a URDF: numbers, poses, names. For the urdf_*.cc files only.
//
// Errors: UrdfError, whose message names the element; ParseUrdf makes it a status.
#ifndef ARMATURE_ENVSERVER_BULLET_URDF_XML_H_
#define ARMATURE_ENVSERVER_BULLET_URDF_XML_H_

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "LinearMath/btTransform.h"
#include "absl/strings/string_view.h"
#include "tinyxml2.h"

namespace armature {

using tinyxml2::XMLElement;

struct UrdfError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What a model's warnings are collected in. Elements that nothing reads are counted by name.
class UrdfWarnings {
 public:
  void Add(std::string warning) { warnings_.push_back(std::move(warning)); }
  void AddUnused(const XMLElement& element) { ++unused_[element.Name()]; }
  // Warnings, then one sentence on the unused elements.
  std::vector<std::string> Take();

 private:
  std::vector<std::string> warnings_;
  std::map<std::string, int> unused_;
};

// `owner` names the link or joint in messages: "link 'arm'".
std::string RequireName(const XMLElement& element);
// Returns `initial` if the attribute is absent.
double ReadNumber(const XMLElement& element, const char* attribute, double initial,
                  const std::string& owner);
double RequireNumber(const XMLElement& element, const char* attribute, const std::string& owner);
btVector3 ReadVector(const XMLElement& element, const char* attribute, const btVector3& initial,
                     const std::string& owner);
// The <origin> of `parent`; the identity if there is none.
btTransform ReadOrigin(const XMLElement& parent, const std::string& owner);
// Calls visit(child) for each child element with this name.
template <typename Visit>
void ForEachChild(const XMLElement& parent, const char* name, Visit visit) {
  for (const XMLElement* child = parent.FirstChildElement(name); child != nullptr;
       child = child->NextSiblingElement(name)) {
    visit(*child);
  }
}

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_URDF_XML_H_
