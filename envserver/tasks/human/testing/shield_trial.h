// Many actions, random and meant to hurt, in a task with a human who walks at the arm or goes about
// its work, and what became of them.
//
// An episode's actions are one of: uniform; the extremes; one that is kept for a while; of some,
// the one that brings the tool nearest to the human's hands and head.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_TESTING_SHIELD_TRIAL_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_TESTING_SHIELD_TRIAL_H_

#include <cstdint>
#include <iosfwd>
#include <string>

#include "envserver/env/env_registry.h"

namespace armature {

struct ShieldTrial {
  std::string env_id = "human_reach";
  std::string shield = "ssm";
  bool adversary = true;  // Otherwise clips, at a speed at which they keep the bounds.
  int64_t actions = 1000;
  uint64_t seed = 0;
  EnvConfig config;  // More keys.
  // Writes a line for each action of this episode, if there is a stream.
  int64_t traced_episode = 0;
  std::ostream* trace = nullptr;
};

// Where to look for what was fastest.
struct ShieldTrialMoment {
  void Include(const ShieldTrialMoment& other) {
    if (other.speed_m_s > speed_m_s) *this = other;
  }

  double speed_m_s = 0;
  uint64_t trial_seed = 0;
  int64_t episode = 0;  // Of that trial, from 0.
  double time_s = 0;    // At the end of the control step.
};

struct ShieldTrialResult {
  int64_t actions = 0;
  int64_t contacts = 0;       // With the human, found by Bullet.
  int64_t fast_contacts = 0;  // Of these, with a point above the safe speed.
  // Episodes in which capsules met while a point of the arm's was above the safe speed; in the
  // second only while the arm was pushed, e.g. by the table: for that nothing is promised.
  int64_t fast_cover_episodes = 0;
  int64_t pushed_cover_episodes = 0;
  int64_t cover_episodes = 0;  // Episodes in which capsules met at all.
  ShieldTrialMoment contact;
  // Of the fastest point of a capsule that met the human's; promised: while it was not pushed.
  ShieldTrialMoment cover;
  ShieldTrialMoment promised;
  double distance_m = 1e9;
  int64_t interventions = 0;  // Actions.
  int64_t tracking_stops = 0;
  int64_t static_contacts = 0;
  int64_t pushed = 0;        // Actions.
  int64_t broke_bounds = 0;  // Actions.

  void Add(const ShieldTrialResult& other);
};

ShieldTrialResult RunShieldTrial(const ShieldTrial& trial);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_TESTING_SHIELD_TRIAL_H_
