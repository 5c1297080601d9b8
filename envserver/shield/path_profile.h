// How fast an arm goes along its path: from one path speed to another, with bounded path
// acceleration and path jerk, in the least time.
//
// The path is q_L(s); s is the time that the arm would need at path speed 1, in seconds, and path
// speed is ds/dt. A stop is a profile to speed 0.
// Three phases of constant jerk: acceleration goes from its first value to a peak, stays there, and
// goes to 0. With u = target - speed, in the direction of the change:
//   peak = min(A, sqrt(J (u + a^2 / 2J))),  held for (u + a^2 / 2J - peak^2 / J) / peak.
//
// Invariant: where speed + a|a| / 2J lies in [0, 1] at the begin and the target does too, speed
// stays in [0, 1], and the sum stays there, so that the next profile can begin anywhere on this
// one. Thread safety: immutable. Allocates nothing.
#ifndef ARMATURE_ENVSERVER_SHIELD_PATH_PROFILE_H_
#define ARMATURE_ENVSERVER_SHIELD_PATH_PROFILE_H_

#include <array>

namespace armature {

struct PathState {
  double s = 0;             // s of path time.
  double speed = 0;         // 1.
  double acceleration = 0;  // 1/s.

  template <typename Archive>
  void Keep(Archive& archive) {
    archive.Keep(s);
    archive.Keep(speed);
    archive.Keep(acceleration);
  }
};

struct PathLimits {
  double acceleration = 0;  // A, 1/s; above 0.
  double jerk = 0;          // J, 1/s^2; above 0.
};

class PathProfile {
 public:
  PathProfile() = default;  // Stands at s = 0 for ever.

  // |start.acceleration| must be at most limits.acceleration.
  PathProfile(const PathState& start, double target_speed, const PathLimits& limits);

  // `t` seconds after the start, t >= 0; after duration_s the speed is the target, exactly.
  PathState At(double t) const;

  // The highest speed in [t0, t1].
  double MaxSpeed(double t0, double t1) const;

  double duration_s() const { return begin_s_[3]; }

  // See Shield::Keep.
  template <typename Archive>
  void Keep(Archive& archive) {
    archive.Keep(begin_s_);
    archive.Keep(jerk_);
    for (PathState& state : state_) state.Keep(archive);
  }

 private:
  std::array<double, 4> begin_s_ = {};   // Of the three phases, and the end.
  std::array<double, 3> jerk_ = {};      // Of the three phases.
  std::array<PathState, 4> state_ = {};  // At begin_s_.
};

// The longest stop from any state that the invariant allows.
double LongestStop(const PathLimits& limits);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_PATH_PROFILE_H_
