// Whether a measurement can be used, and agrees with what is assumed of the human and the tracker.
//
// Between two measurements whose moments are E apart, as far as is known, a joint cannot have gone
// farther than v_max (E + D), so measured positions differ by 2 e_pos + v_max (E + D) at most;
// measured velocities by 2 e_vel + a_max (E + D), and none is above v_max + e_vel. Thread safety:
// none.
#ifndef ARMATURE_ENVSERVER_SHIELD_MEASUREMENT_CHECK_H_
#define ARMATURE_ENVSERVER_SHIELD_MEASUREMENT_CHECK_H_

#include <vector>

#include "Eigen/Core"
#include "envserver/shield/human_model.h"

namespace armature {

enum class Measurement {
  kGood,
  kMissing,
  kLate,         // Older than age_max_s.
  kMalformed,    // Not one finite position (and velocity) a joint, or an age below 0.
  kImplausible,  // Breaks a bound that the guarantee rests on.
};

class MeasurementCheck {
 public:
  // `model` must outlive it.
  MeasurementCheck(const HumanModel* model, double age_max_s);

  // `now_s` never falls. Null: missing. Later ones are compared with the last that was good or
  // implausible. Allocates nothing.
  Measurement Check(const HumanMeasurement* measurement, double now_s);

  // See Shield::Keep.
  template <typename Archive>
  void Keep(Archive& archive) {
    archive.Keep(has_last_);
    archive.Keep(last_has_velocity_);
    archive.Keep(last_taken_s_);
    for (auto* vectors : {&last_position_, &last_velocity_}) {
      for (Eigen::Vector3d& vector : *vectors) {
        for (int k = 0; k < 3; ++k) archive.Keep(vector[k]);
      }
    }
  }

 private:
  bool IsWellFormed(const HumanMeasurement& measurement) const;
  bool IsPlausible(const HumanMeasurement& measurement, double taken_s) const;

  const HumanModel& model_;
  const double age_max_s_;
  bool has_last_ = false;
  bool last_has_velocity_ = false;
  double last_taken_s_ = 0;
  std::vector<Eigen::Vector3d> last_position_;
  std::vector<Eigen::Vector3d> last_velocity_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_MEASUREMENT_CHECK_H_
