// The motions of a human in an episode: clips, one after the other, each with its own speed and
// amplitude, and transitions between them; after the last comes the first again.
//
// A clip's time passes slower within `ease_s` of its begin and end, so that the figure stands
// there. A transition leads from one clip's end to the next one's begin: on the spot, or in steps
// where they are apart. Positions, velocities and accelerations are continuous. A transition keeps
// the bounds of HumanFigure; a clip that is sped up, or whose amplitude is raised, may break them.
// HumanPeak says when: Include a pose and look at BreaksBounds.
//
// Call order: (Reset | Keep) (At | Reset | Keep)*. Thread safety: none; clips are shared.
#ifndef ARMATURE_ENVSERVER_HUMAN_HUMAN_PLAYBACK_H_
#define ARMATURE_ENVSERVER_HUMAN_HUMAN_PLAYBACK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "common/random/rng.h"
#include "envserver/human/human_motion.h"
#include "envserver/human/human_pose.h"

namespace armature {

// median exp(sigma n), n of a standard normal distribution, clipped to [min, max].
struct FactorOptions {
  double median = 1;
  double sigma = 0.1;
  double min = 0.7;
  double max = 1.4;

  absl::Status Validate(absl::string_view name) const;
  double Draw(Rng& rng) const;
};

struct PlaybackOptions {
  absl::Status Validate() const;

  int clips = 5;  // Of an episode, drawn with replacement. 1 to 100.
  FactorOptions speed;
  FactorOptions amplitude;
  double ease_s = 0.3;  // 0.05 to 5.
  // Of the clips' stage. Generated clips work about 0.6 m ahead of their origin; by default that is
  // 0.6 m in front of an arm that stands 0.8 m above the floor and reaches along +x.
  HumanPlacement placement = {{1.2, 0, -0.8}, 3.141592653589793};
};

class HumanPlayback {
 public:
  // At least one clip; options.Validate() is OK.
  HumanPlayback(std::vector<std::shared_ptr<const HumanMotion>> clips, PlaybackOptions options);

  // Draws clips, speeds and amplitudes, and plans the transitions.
  void Reset(Rng& rng);

  // t_s since Reset, 0 or more, in any order. Allocates nothing.
  void At(double t_s, HumanPose* pose) const;

  // After this time all begins anew.
  double period_s() const { return period_s_; }
  // The clip that is played at t_s; null in a transition.
  const HumanMotion* ClipAt(double t_s) const;

  // What Reset has drawn; an archive as envserver/kit/state_archive.h has it.
  template <typename Archive>
  void Keep(Archive& archive) {
    for (Draw& draw : draws_) {
      archive.Keep(draw.clip);
      archive.Keep(draw.speed);
      archive.Keep(draw.amplitude);
    }
    if (archive.is_saving()) return;
    archive.Check(IsPlayable());
    if (archive.ok()) Plan();
  }

 private:
  struct Draw {
    uint32_t clip = 0;
    double speed = 1;
    double amplitude = 1;
  };
  struct Segment {
    double begin_s = 0;
    double played_s = 0;  // How long it takes.
    double ease_s = 0;    // 0: a transition.
    MotionVariation variation;
    std::shared_ptr<const HumanMotion> motion;
  };

  bool IsPlayable() const;
  void Plan();
  const Segment& SegmentAt(double t_s, double* since_begin_s) const;

  std::vector<std::shared_ptr<const HumanMotion>> clips_;
  PlaybackOptions options_;
  std::vector<Draw> draws_;        // [options.clips]
  std::vector<Segment> segments_;  // Clip, transition, clip, ...
  double period_s_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_HUMAN_PLAYBACK_H_
