// Motions of our own, drawn from a seed: other targets, sides, ways and times each.
//
// The stage: the person's place is the origin, it faces +x, and what it works at is ahead, 0.4 to
// 0.8 m from it and 0.85 to 1.3 m above the floor.
//   walk_past      walks from one side of the stage to the other, or back
//   reach_in       reaches with a hand at a point ahead, and back
//   pick           takes something from the table ahead, and puts it down elsewhere
//   work_at_table  both hands move from point to point
//   hand_over      holds something out with a hand, waits, and takes the hand back
// At speed 1 all keep the bounds of HumanFigure. 2 m/s is little for one who walks: a foot that
// swings is twice as fast as the body and more, so people here walk at no more than 0.6 m/s.
#ifndef ARMATURE_ENVSERVER_HUMAN_GENERATE_MOTION_H_
#define ARMATURE_ENVSERVER_HUMAN_GENERATE_MOTION_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "envserver/human/human_motion.h"

namespace armature {

absl::Span<const absl::string_view> GeneratedMotionNames();

// Named "reach_in_7". NotFound: no such name.
absl::StatusOr<std::shared_ptr<const HumanMotion>> GenerateMotion(absl::string_view name,
                                                                  uint64_t seed);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_GENERATE_MOTION_H_
