#include "envserver/human/load_motion.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envserver/human/acclaim.h"
#include "envserver/human/bvh.h"
#include "envserver/human/retarget.h"

namespace armature {

absl::StatusOr<std::map<std::string, std::string>> ParseJointNames(absl::string_view text) {
  std::map<std::string, std::string> names;
  for (absl::string_view pair : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    const std::string ours(absl::StripAsciiWhitespace(parts.first));
    const std::string theirs(absl::StripAsciiWhitespace(parts.second));
    if (ours.empty() || theirs.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", pair, "\" in joint_names is not as left_hip=LThigh"));
    }
    if (!names.emplace(ours, theirs).second) {
      return absl::InvalidArgumentError(absl::StrCat("joint_names has ", ours, " twice"));
    }
  }
  return names;
}

absl::StatusOr<std::shared_ptr<const HumanMotion>> LoadBvh(const std::string& path,
                                                           const LoadOptions& options) {
  const absl::StatusOr<RecordedMotion> motion = ReadBvh(path);
  if (!motion.ok()) return motion.status();
  return Retarget(*motion, options);
}

absl::StatusOr<std::shared_ptr<const HumanMotion>> LoadAmc(const std::string& asf_path,
                                                           const std::string& amc_path,
                                                           const LoadOptions& options) {
  if (!(options.amc_frame_s >= 1e-4 && options.amc_frame_s <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("amc_frame_s is ", options.amc_frame_s, "; needs 1e-4 to 1"));
  }
  const absl::StatusOr<RecordedMotion> motion =
      ReadAcclaim(asf_path, amc_path, options.amc_frame_s);
  if (!motion.ok()) return motion.status();
  return Retarget(*motion, options);
}

}  // namespace armature
