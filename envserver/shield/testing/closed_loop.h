// A shielded arm and a bounded human that means harm, with every contact looked at.
//
// The arm goes after random goals, ten a second. The real arm may be anywhere within the secure
// radius of the desired one, so its capsules are taken as so much thicker.
#ifndef ARMATURE_ENVSERVER_SHIELD_TESTING_CLOSED_LOOP_H_
#define ARMATURE_ENVSERVER_SHIELD_TESTING_CLOSED_LOOP_H_

#include <cstdint>

#include "envserver/shield/human_model.h"
#include "envserver/shield/shield.h"

namespace armature {

struct ClosedLoop {
  ShieldOptions options;
  HumanModel human;              // What the human keeps to, and the tracker.
  bool is_shield_blind = false;  // It is told of no human.
  double body_share = 0.5;       // See BoundedHuman.
  double age_max_s = 0.02;       // Of measurements, each of a random age.
  double missing = 0.02;         // Share of cycles without one.
  bool has_velocity = true;
  int cycles = 1000;
};

struct ClosedLoopResult {
  int64_t instants = 0;         // At which contact was looked for: four a cycle.
  int64_t contacts = 0;         // With the arm moving or not.
  int64_t moving_contacts = 0;  // While the desired positions move.
  int64_t fast_contacts = 0;    // While a point goes faster than the safe speed.
  int64_t implausible = 0;      // Steps.
  int64_t interventions = 0;    // Steps.
  double way_rad = 0;           // Of all joints.
  // The most of any joint, by finite differences of executed states, as a share of what is allowed.
  double velocity = 0;
  double acceleration = 0;
  double jerk = 0;
  // Of velocities with accelerations, as a share of what the allowed jerk explains in a cycle.
  double inconsistency = 0;
  double inconsistency_rad = 0;  // Of positions with velocities and accelerations.
};

ClosedLoopResult Run(const ClosedLoop& loop, uint64_t seed);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_TESTING_CLOSED_LOOP_H_
