#include "envserver/shield/measurement_check.h"

#include <algorithm>
#include <cmath>

namespace armature {
namespace {

constexpr double kRounding = 1e-9;  // m, m/s.

}  // namespace

MeasurementCheck::MeasurementCheck(const HumanModel* model, double age_max_s)
    : model_(*model),
      age_max_s_(age_max_s),
      last_position_(model->joints.size(), Eigen::Vector3d::Zero()),
      last_velocity_(model->joints.size(), Eigen::Vector3d::Zero()) {}

Measurement MeasurementCheck::Check(const HumanMeasurement* measurement, double now_s) {
  if (measurement == nullptr) return Measurement::kMissing;
  if (!IsWellFormed(*measurement)) return Measurement::kMalformed;
  if (measurement->age_s > age_max_s_) return Measurement::kLate;
  const double taken_s = now_s - measurement->age_s;
  const bool is_plausible = IsPlausible(*measurement, taken_s);
  has_last_ = true;
  last_taken_s_ = taken_s;
  last_has_velocity_ = !measurement->velocity.empty();
  std::copy(measurement->position.begin(), measurement->position.end(), last_position_.begin());
  std::copy(measurement->velocity.begin(), measurement->velocity.end(), last_velocity_.begin());
  return is_plausible ? Measurement::kGood : Measurement::kImplausible;
}

bool MeasurementCheck::IsWellFormed(const HumanMeasurement& measurement) const {
  const size_t n = model_.joints.size();
  const bool has_size = measurement.position.size() == n &&
                        (measurement.velocity.empty() || measurement.velocity.size() == n);
  if (!has_size || !(measurement.age_s >= 0)) return false;
  const auto is_finite = [](const Eigen::Vector3d& v) { return v.allFinite(); };
  return std::all_of(measurement.position.begin(), measurement.position.end(), is_finite) &&
         std::all_of(measurement.velocity.begin(), measurement.velocity.end(), is_finite);
}

bool MeasurementCheck::IsPlausible(const HumanMeasurement& measurement, double taken_s) const {
  const double apart_s = std::abs(taken_s - last_taken_s_) + model_.delay_s;
  const double way = 2 * model_.position_error_m + model_.speed_max_m_s * apart_s + kRounding;
  const double speed = model_.speed_max_m_s + model_.velocity_error_m_s + kRounding;
  for (size_t j = 0; j < model_.joints.size(); ++j) {
    if (has_last_ && (measurement.position[j] - last_position_[j]).norm() > way) return false;
    if (measurement.velocity.empty()) continue;
    if (measurement.velocity[j].norm() > speed) return false;
    const double change = 2 * model_.velocity_error_m_s +
                          model_.joints[j].acceleration_max_m_s2 * apart_s + kRounding;
    const bool can_compare = has_last_ && last_has_velocity_;
    if (can_compare && (measurement.velocity[j] - last_velocity_[j]).norm() > change) return false;
  }
  for (const HumanCapsule& capsule : model_.capsules) {
    if (capsule.extremity < 0) continue;
    const HumanExtremity& extremity = model_.extremities[capsule.extremity];
    const double reach = extremity.length_m + 2 * model_.position_error_m + kRounding;
    for (const int joint : {capsule.joint_a, capsule.joint_b}) {
      const Eigen::Vector3d way_from_root =
          measurement.position[joint] - measurement.position[extremity.root_joint];
      if (way_from_root.norm() > reach) return false;
    }
  }
  return true;
}

}  // namespace armature
