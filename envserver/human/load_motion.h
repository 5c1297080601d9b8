// Motions from files: BVH, and Acclaim's ASF (a skeleton) with AMC (its motion).
//
// What is read is where each bone points. A file's joints are found by their names; each bone of
// the figure then points where the file's does, so a person of any size moves the figure of 0032.
// The pelvis' way is scaled by the ratio of their legs' lengths, whatever the file's unit, and the
// lowest foot of the clip is put on the floor. Joints' translations are ignored, but the root's.
// docs/human_motions.md has the names.
//
// Errors: NotFound, the file; InvalidArgument, with file and line: what is wrong there; joints that
// the figure needs and the file lacks. Files of more than 256 MiB, 500,000 frames or 30 million
// numbers are refused.
#ifndef ARMATURE_ENVSERVER_HUMAN_LOAD_MOTION_H_
#define ARMATURE_ENVSERVER_HUMAN_LOAD_MOTION_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "envserver/human/human_motion.h"

namespace armature {

struct LoadOptions {
  // Names of a file's joints (ASF: bones) by those of HumanJointName, for files with other names
  // than the usual. Those that are not here are looked for among the usual ones.
  std::map<std::string, std::string> joint_names;
  enum class Up { kX, kY, kZ };
  Up up = Up::kY;
  // 0: by the legs' lengths. Otherwise metres in the file's unit of length.
  double metres_per_unit = 0;
  // Whether the person begins at the origin, facing +x. Otherwise the file's origin is the clip's.
  bool begin_at_origin = true;
  // What is played of the file. end_s 0: to its end.
  double begin_s = 0;
  double end_s = 0;
  double amc_frame_s = 1.0 / 120;  // An AMC does not say it.
};

// "left_hip=LThigh, right_hip=RThigh".
absl::StatusOr<std::map<std::string, std::string>> ParseJointNames(absl::string_view text);

absl::StatusOr<std::shared_ptr<const HumanMotion>> LoadBvh(const std::string& path,
                                                           const LoadOptions& options = {});
absl::StatusOr<std::shared_ptr<const HumanMotion>> LoadAmc(const std::string& asf_path,
                                                           const std::string& amc_path,
                                                           const LoadOptions& options = {});

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_LOAD_MOTION_H_
