// Drives the Schunk's fingers, as one motor does: the right one goes where the left one is.
//
// Facts: they go 0.08 m/s at most, with 2 N; 8 N press on what both of them touch and may. Both
// stand while a finger would go at the scene, and is within 3 mm of it: one that opens onto a table
// with all its force would throw the arm off its way, beside a human. A touch ends 0.01 s after it
// was last seen.
// Thread safety: none, like its world.
// Call order: (Reset | Keep) (Drive, a physics step, BeginTouches Touch*)*
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_SCHUNK_FINGERS_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_SCHUNK_FINGERS_H_

#include <array>
#include <vector>

#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/kit/state_archive.h"

namespace armature {

class SchunkFingers {
 public:
  // `scene`: what the fingers do not go at; none of it is above `scene_height_m`.
  SchunkFingers(const BulletWorld* world, Body* arm, std::vector<const Body*> scene,
                double scene_height_m, double physics_step_s);

  void Reset();  // They touch nothing.
  // 0 shut, 1 open. Before each physics step.
  void Drive(double opening);
  // What they touch and may, after it.
  void BeginTouches();
  void Touch(int link);  // Of the arm; another one than a finger's does nothing.

  bool touch_both() const;
  bool holds() const { return touch_both() && closes_; }
  double opening_m() const;  // Between them.

  void Keep(StateArchive& state);

 private:
  bool WouldHitScene(double direction) const;

  const BulletWorld& world_;
  Body& arm_;
  const std::vector<const Body*> scene_;
  const double scene_height_m_;
  const double physics_step_s_;
  const int quiet_steps_;
  bool closes_ = false;
  std::array<int, 2> untouched_steps_ = {};
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_SCHUNK_FINGERS_H_
