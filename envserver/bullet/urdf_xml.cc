#include "envserver/bullet/urdf_xml.h"

#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace armature {
namespace {

[[noreturn]] void FailValue(const XMLElement& element, const char* attribute,
                            absl::string_view value, absl::string_view expected,
                            const std::string& owner) {
  const char* hint = absl::StrContains(value, "${") || absl::StrContains(value, "$(")
                         ? "; it is left from xacro: run xacro on the file first"
                         : "";
  throw UrdfError(absl::StrCat(owner, ": <", element.Name(), "> has ", attribute, "='", value,
                               "'; expected ", expected, hint));
}

bool ParseNumber(absl::string_view text, double* number) {
  return absl::SimpleAtod(text, number) && std::isfinite(*number);
}

btQuaternion FromRollPitchYaw(const btVector3& rpy) {
  const double phi = rpy.x() / 2.0, the = rpy.y() / 2.0, psi = rpy.z() / 2.0;
  const double x =
      std::sin(phi) * std::cos(the) * std::cos(psi) - std::cos(phi) * std::sin(the) * std::sin(psi);
  const double y =
      std::cos(phi) * std::sin(the) * std::cos(psi) + std::sin(phi) * std::cos(the) * std::sin(psi);
  const double z =
      std::cos(phi) * std::cos(the) * std::sin(psi) - std::sin(phi) * std::sin(the) * std::cos(psi);
  const double w =
      std::cos(phi) * std::cos(the) * std::cos(psi) + std::sin(phi) * std::sin(the) * std::sin(psi);
  const double length = std::sqrt(x * x + y * y + z * z + w * w);
  return btQuaternion(x / length, y / length, z / length, w / length);
}

}  // namespace

std::vector<std::string> UrdfWarnings::Take() {
  std::vector<std::string> all = std::move(warnings_);
  if (!unused_.empty()) {
    all.push_back(
        absl::StrCat("these elements are not used: ",
                     absl::StrJoin(unused_, ", ", [](std::string* out, const auto& entry) {
                       absl::StrAppend(out, "<", entry.first, "> (", entry.second, ")");
                     })));
  }
  return all;
}

std::string RequireName(const XMLElement& element) {
  const char* name = element.Attribute("name");
  if (name == nullptr || *name == '\0') {
    throw UrdfError(
        absl::StrCat("a <", element.Name(), "> in line ", element.GetLineNum(), " has no name"));
  }
  return name;
}

double ReadNumber(const XMLElement& element, const char* attribute, double initial,
                  const std::string& owner) {
  const char* text = element.Attribute(attribute);
  if (text == nullptr) return initial;
  double number = 0;
  if (!ParseNumber(text, &number)) FailValue(element, attribute, text, "a number", owner);
  return number;
}

double RequireNumber(const XMLElement& element, const char* attribute, const std::string& owner) {
  if (element.Attribute(attribute) == nullptr) {
    throw UrdfError(absl::StrCat(owner, ": <", element.Name(), "> has no ", attribute));
  }
  return ReadNumber(element, attribute, 0, owner);
}

btVector3 ReadVector(const XMLElement& element, const char* attribute, const btVector3& initial,
                     const std::string& owner) {
  const char* text = element.Attribute(attribute);
  if (text == nullptr) return initial;
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  btVector3 vector(0, 0, 0);
  bool good = words.size() == 3;
  for (int i = 0; good && i < 3; ++i) good = ParseNumber(words[i], &vector[i]);
  if (!good) FailValue(element, attribute, text, "three numbers", owner);
  return vector;
}

btTransform ReadOrigin(const XMLElement& parent, const std::string& owner) {
  const XMLElement* origin = parent.FirstChildElement("origin");
  if (origin == nullptr) return btTransform::getIdentity();
  const btVector3 zero(0, 0, 0);
  return btTransform(FromRollPitchYaw(ReadVector(*origin, "rpy", zero, owner)),
                     ReadVector(*origin, "xyz", zero, owner));
}

}  // namespace armature
