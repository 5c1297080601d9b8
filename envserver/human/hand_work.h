// One who stands and works with its hands: from key to key, at each of which it may hold still.
#ifndef ARMATURE_ENVSERVER_HUMAN_HAND_WORK_H_
#define ARMATURE_ENVSERVER_HUMAN_HAND_WORK_H_

#include <array>
#include <optional>
#include <vector>

#include "Eigen/Core"
#include "absl/types/span.h"
#include "envserver/human/human_motion.h"

namespace armature {

struct HandKey {
  // Where each hand is, left and right, ahead of one who stands at the origin and faces +x; none:
  // it hangs.
  std::array<std::optional<Eigen::Vector3d>, 2> hand;
  double hold_s = 0;
};

// Frames kFrame_s apart, that begin and end with both arms hanging. Hands go straight with minimum
// jerk, at `hand_m_s` at their fastest, bowed upwards a little; the torso leans and turns as far as
// they need. A hand that no leaning brings there stays short of it.
std::vector<HumanFrame> PlanHandWork(absl::Span<const HandKey> keys, double hand_m_s);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_HAND_WORK_H_
