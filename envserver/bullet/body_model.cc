#include "envserver/bullet/body_model.h"

namespace armature {

int BodyModel::LinkIndex(absl::string_view name) const {
  if (name == base.name) return kBase;
  for (size_t i = 0; i < links.size(); ++i) {
    if (links[i].name == name) return static_cast<int>(i);
  }
  return kNoLink;
}

int BodyModel::JointLink(absl::string_view joint_name) const {
  for (size_t i = 0; i < links.size(); ++i) {
    if (links[i].joint_name == joint_name) return static_cast<int>(i);
  }
  return kNoLink;
}

std::vector<int> BodyModel::MovingLinks() const {
  std::vector<int> moving;
  for (size_t i = 0; i < links.size(); ++i) {
    if (links[i].joint_type != JointType::kFixed) moving.push_back(static_cast<int>(i));
  }
  return moving;
}

}  // namespace armature
