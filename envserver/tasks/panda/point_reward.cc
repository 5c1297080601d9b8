#include "envserver/tasks/panda/point_reward.h"

#include <cmath>
#include <cstddef>

namespace armature {

PointReward::Result PointReward::operator()(absl::Span<const float> achieved_goal,
                                            absl::Span<const float> desired_goal) const {
  double square = 0;
  for (size_t i = 0; i < achieved_goal.size(); ++i) {
    const double difference = static_cast<double>(achieved_goal[i]) - desired_goal[i];
    square += difference * difference;
  }
  const double distance = std::sqrt(square);
  const float sparse = distance > distance_threshold_m_ ? -1.0f : 0.0f;
  return {type_ == RewardType::kSparse ? sparse : static_cast<float>(-distance),
          distance < distance_threshold_m_};
}

double PointReward::Low(int size, double bound) const {
  return type_ == RewardType::kSparse ? -1 : -2 * bound * std::sqrt(size);
}

}  // namespace armature
