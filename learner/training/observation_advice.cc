#include "learner/training/observation_advice.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace armature {
namespace {

// Whether it is [height, width] of bytes, or three-dimensional (with channels) of any type.
bool IsImage(const FieldSpec& field) {
  return field.shape.size() == 3 || (field.shape.size() == 2 && field.dtype == v1::DTYPE_UINT8);
}

}  // namespace

std::string AdviceOnImages(const EnvSpec& env, bool normalized) {
  std::vector<std::string> images;
  for (const FieldSpec& field : env.observation) {
    if (!IsImage(field)) continue;
    images.push_back(absl::StrCat("'", field.name, "' [", absl::StrJoin(field.shape, ","), "]"));
  }
  if (images.empty()) return "";
  return absl::StrCat(
      "observation ", absl::StrJoin(images, ", "),
      " looks like an image, but the networks are fully connected and get each of its values as"
      " an input of its own",
      normalized ? "" : ", not scaled",
      ": learning will be slow at best; compute features in the"
      " environment",
      normalized ? ""
                 : ", or set algorithm.network.normalize_observation=true"
                   " at least");
}

}  // namespace armature
