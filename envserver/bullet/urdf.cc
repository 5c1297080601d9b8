#include "envserver/bullet/urdf.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envserver/bullet/urdf_inertia.h"
#include "envserver/bullet/urdf_shapes.h"
#include "envserver/bullet/urdf_xml.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

// A joint of the file, by the names of its links.
struct UrdfJoint {
  const XMLElement* element;
  std::string name;
  std::string parent;
  std::string child;
};

class UrdfReader {
 public:
  UrdfReader(const std::string& folder, const UrdfOptions& options)
      : options_(options), shapes_(folder, options, &warnings_) {}

  std::shared_ptr<const BodyModel> Read(const XMLElement& robot) {
    model_ = std::make_shared<BodyModel>();
    model_->name = robot.Attribute("name") == nullptr ? "robot" : robot.Attribute("name");
    CheckElements(robot);
    shapes_.ReadMaterials(robot);
    CollectLinksAndJoints(robot);
    const std::string root = RootLink();
    ReadLink(root, &model_->base);
    ReadChildren(root, kBase);
    if (model_->links.size() + 1 != links_.size()) {
      throw UrdfError(absl::StrCat("some links form a ring: only ", model_->links.size() + 1,
                                   " of ", links_.size(), " hang on the root '", root, "'"));
    }
    ConnectMimics();
    WarnOfInertias(*model_, inertia_notes_, &warnings_);
    if (options_.inertia_source == InertiaSource::kUrdf) GiveBaseItsMass(model_.get(), &warnings_);
    FillEmptyJoints(model_.get(), &warnings_);
    model_->warnings = warnings_.Take();
    return model_;
  }

 private:
  void CheckElements(const XMLElement& robot) {
    for (const XMLElement* child = robot.FirstChildElement(); child != nullptr;
         child = child->NextSiblingElement()) {
      const std::string name = child->Name();
      if (name == "link" || name == "joint" || name == "material") continue;
      if (absl::StartsWith(name, "xacro:") && name != "xacro:property" && name != "xacro:arg") {
        throw UrdfError(absl::StrCat("line ", child->GetLineNum(), " has <", name,
                                     ">: this is a xacro file; run xacro on it first"));
      }
      warnings_.AddUnused(*child);
    }
  }

  // Counts the children of a link or joint that nothing reads.
  void CountUnused(const XMLElement& element, const std::set<std::string>& used) {
    for (const XMLElement* child = element.FirstChildElement(); child != nullptr;
         child = child->NextSiblingElement()) {
      if (used.count(child->Name()) == 0) warnings_.AddUnused(*child);
    }
  }

  void CollectLinksAndJoints(const XMLElement& robot) {
    ForEachChild(robot, "link", [&](const XMLElement& link) {
      const std::string name = RequireName(link);
      if (!links_.emplace(name, &link).second) {
        throw UrdfError(absl::StrCat("two links are named '", name, "'"));
      }
      link_order_.push_back(name);
    });
    if (links_.empty()) throw UrdfError("the robot has no link");
    std::set<std::string> names;
    ForEachChild(robot, "joint", [&](const XMLElement& element) {
      UrdfJoint joint{&element, RequireName(element), "", ""};
      if (!names.insert(joint.name).second) {
        throw UrdfError(absl::StrCat("two joints are named '", joint.name, "'"));
      }
      joint.parent = LinkOf(element, "parent", joint.name);
      joint.child = LinkOf(element, "child", joint.name);
      if (!joint_of_child_.emplace(joint.child, joint.name).second) {
        throw UrdfError(absl::StrCat("link '", joint.child, "' is the child of two joints, '",
                                     joint_of_child_[joint.child], "' and '", joint.name, "'"));
      }
      joints_.push_back(joint);
    });
    std::sort(joints_.begin(), joints_.end(),
              [](const UrdfJoint& a, const UrdfJoint& b) { return a.name < b.name; });
  }

  std::string LinkOf(const XMLElement& joint, const char* role, const std::string& name) const {
    const XMLElement* element = joint.FirstChildElement(role);
    const char* link = element == nullptr ? nullptr : element->Attribute("link");
    if (link == nullptr || links_.count(link) == 0) {
      throw UrdfError(absl::StrCat("joint '", name, "' has the ", role, " '",
                                   link == nullptr ? "" : link, "', which is no link"));
    }
    return link;
  }

  std::string RootLink() const {
    std::vector<std::string> roots;
    for (const std::string& name : link_order_) {
      if (joint_of_child_.count(name) == 0) roots.push_back(name);
    }
    if (roots.size() == 1) return roots[0];
    throw UrdfError(roots.empty()
                        ? "every link is the child of a joint: the links form a ring"
                        : absl::StrCat("the links are not one tree: ", absl::StrJoin(roots, ", "),
                                       " have no parent"));
  }

  void ReadLink(const std::string& name, LinkModel* link) {
    const XMLElement& element = *links_.at(name);
    const std::string owner = absl::StrCat("link '", name, "'");
    link->name = name;
    if (const XMLElement* inertial = element.FirstChildElement("inertial")) {
      ReadInertia(*inertial, options_.inertia_source, owner, &inertia_notes_, link);
    }
    shapes_.ReadLink(element, owner, link);
    if (const XMLElement* contact = element.FirstChildElement("contact")) {
      ReadContact(*contact, owner, link);
    }
    CountUnused(element, {"inertial", "visual", "collision", "contact"});
  }

  void ReadContact(const XMLElement& contact, const std::string& owner, LinkModel* link) {
    ContactMaterial material;
    const std::map<std::string, double*> members = {
        {"lateral_friction", &material.friction},
        {"spinning_friction", &material.spinning_friction},
        {"rolling_friction", &material.rolling_friction},
        {"restitution", &material.restitution},
        {"stiffness", &material.stiffness},
        {"damping", &material.damping}};
    for (const XMLElement* child = contact.FirstChildElement(); child != nullptr;
         child = child->NextSiblingElement()) {
      const std::string name = child->Name();
      const auto member = members.find(name);
      if (name == "friction_anchor") {
        material.friction_anchor = true;
      } else if (member == members.end()) {
        warnings_.AddUnused(*child);
      } else {
        *member->second = RequireNumber(*child, "value", owner);
        if (*member->second < 0) {
          throw UrdfError(absl::StrCat(owner, " has a ", name, " of ", *member->second,
                                       "; expected 0 or more"));
        }
      }
    }
    link->material = material;
  }

  // Depth first; children in the order of their joints' names.
  void ReadChildren(const std::string& parent, int parent_index) {
    for (const UrdfJoint& joint : joints_) {
      if (joint.parent != parent) continue;
      LinkModel link;
      link.parent = parent_index;
      ReadJoint(joint, &link);
      ReadLink(joint.child, &link);
      model_->links.push_back(std::move(link));
      ReadChildren(joint.child, static_cast<int>(model_->links.size()) - 1);
    }
  }

  void ReadJoint(const UrdfJoint& joint, LinkModel* link) {
    const XMLElement& element = *joint.element;
    const std::string owner = absl::StrCat("joint '", joint.name, "'");
    const std::string type = element.Attribute("type") == nullptr ? "" : element.Attribute("type");
    link->joint_name = joint.name;
    link->parent_to_joint = ReadOrigin(element, owner);
    // A safety_controller is for the robot's own controller: nothing of it is lost here.
    CountUnused(element, {"origin", "parent", "child", "axis", "limit", "dynamics", "mimic",
                          "safety_controller"});
    if (type == "fixed") return;
    if (type == "revolute" || type == "continuous") {
      link->joint_type = JointType::kRevolute;
    } else if (type == "prismatic") {
      link->joint_type = JointType::kPrismatic;
    } else {
      throw UrdfError(absl::StrCat(
          owner, " is of type '", type, "'; expected fixed, revolute, continuous or prismatic",
          type == "floating" ? " (a free base needs no joint)" : "",
          type == "planar" ? " (two prismatic joints and a revolute one do the same)" : ""));
    }
    if (const XMLElement* axis = element.FirstChildElement("axis")) {
      const btVector3 direction = ReadVector(*axis, "xyz", btVector3(1, 0, 0), owner);
      if (direction.fuzzyZero()) throw UrdfError(owner + " has a zero axis");
      link->axis = direction.normalized();
    }
    if (const XMLElement* dynamics = element.FirstChildElement("dynamics")) {
      link->damping = ReadNotNegative(*dynamics, "damping", owner);
      link->friction = ReadNotNegative(*dynamics, "friction", owner);
    }
    ReadLimits(element.FirstChildElement("limit"), type, owner, link);
    if (const XMLElement* mimic = element.FirstChildElement("mimic")) {
      const char* other = mimic->Attribute("joint");
      Mimic follows;
      follows.multiplier = ReadNumber(*mimic, "multiplier", 1, owner);
      follows.offset = ReadNumber(*mimic, "offset", 0, owner);
      link->mimic = follows;
      followed_.emplace_back(joint.name, other == nullptr ? "" : other);
    }
  }

  double ReadNotNegative(const XMLElement& element, const char* name, const std::string& owner) {
    const double value = ReadNumber(element, name, 0, owner);
    if (value >= 0) return value;
    throw UrdfError(absl::StrCat(owner, " has a ", name, " of ", value, "; expected 0 or more"));
  }

  void ReadLimits(const XMLElement* limit, const std::string& type, const std::string& owner,
                  LinkModel* link) {
    if (limit == nullptr) {
      if (type != "continuous") warnings_.Add(owner + " has no <limit>; it moves without limits");
      return;
    }
    const double effort = ReadNumber(*limit, "effort", 0, owner);
    const double velocity = ReadNumber(*limit, "velocity", 0, owner);
    if (effort > 0) link->effort_max = effort;
    if (effort <= 0 && limit->Attribute("effort") != nullptr) {
      warnings_.Add(absl::StrCat(owner, " has an effort of ", effort, ", read as unlimited"));
    }
    if (velocity > 0) link->velocity_max = velocity;
    if (type == "continuous") return;
    const double low = ReadNumber(*limit, "lower", 0, owner);
    const double high = ReadNumber(*limit, "upper", 0, owner);
    if (low > high) {
      warnings_.Add(absl::StrCat(owner, " has a lower limit of ", low, " above the upper one of ",
                                 high, "; it moves without limits"));
      return;
    }
    if (low == high) warnings_.Add(absl::StrCat(owner, " has both limits at ", low));
    link->has_limits = true;
    link->position_low = low;
    link->position_high = high;
  }

  void ConnectMimics() {
    for (const auto& [joint, other] : followed_) {
      LinkModel& link = model_->links[model_->JointLink(joint)];
      const int leader = model_->JointLink(other);
      if (leader == kNoLink || joint == other ||
          model_->links[leader].joint_type == JointType::kFixed) {
        throw UrdfError(absl::StrCat("joint '", joint, "' mimics '", other,
                                     "', which is no other moving joint"));
      }
      link.mimic->link = leader;
    }
  }

  const UrdfOptions& options_;
  UrdfWarnings warnings_;
  std::vector<InertiaNote> inertia_notes_;
  UrdfShapeReader shapes_;
  std::shared_ptr<BodyModel> model_;
  std::map<std::string, const XMLElement*> links_;
  std::vector<std::string> link_order_;
  std::vector<UrdfJoint> joints_;  // By name.
  std::map<std::string, std::string> joint_of_child_;
  std::vector<std::pair<std::string, std::string>> followed_;  // Joint, and whom it follows.
};

}  // namespace

absl::StatusOr<std::shared_ptr<const BodyModel>> ParseUrdf(const std::string& urdf,
                                                           const std::string& folder,
                                                           const UrdfOptions& options) {
  tinyxml2::XMLDocument document;
  document.Parse(urdf.data(), urdf.size());
  if (document.Error()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the URDF does not parse: ", document.ErrorStr()));
  }
  const XMLElement* robot = document.FirstChildElement("robot");
  if (robot == nullptr) return absl::InvalidArgumentError("the URDF has no <robot>");
  try {
    return UrdfReader(folder, options).Read(*robot);
  } catch (const UrdfError& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

absl::StatusOr<std::shared_ptr<const BodyModel>> LoadUrdf(const std::string& path,
                                                          const UrdfOptions& options) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const size_t slash = path.find_last_of('/');
  auto model = ParseUrdf(text, slash == std::string::npos ? "." : path.substr(0, slash), options);
  if (!model.ok()) {
    return absl::Status(model.status().code(), absl::StrCat(path, ": ", model.status().message()));
  }
  for (const std::string& warning : (*model)->warnings) spdlog::warn("{}: {}", path, warning);
  return model;
}

}  // namespace armature
