#include "envserver/human/human_playback.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envserver/human/ramp.h"
#include "envserver/human/walk.h"

namespace armature {
namespace {

constexpr double kFactorMin = 0.05;
constexpr double kFactorMax = 5;
constexpr double kSigmaMax = 2;
constexpr int kClipsMax = 100;
constexpr double kEaseMin_s = 0.05;
constexpr double kEaseMax_s = 5;

bool IsBetween(double value, double low, double high) { return value >= low && value <= high; }

}  // namespace

absl::Status FactorOptions::Validate(absl::string_view name) const {
  const bool is_ordered = kFactorMin <= min && min <= median && median <= max && max <= kFactorMax;
  if (is_ordered && IsBetween(sigma, 0, kSigmaMax)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": min ", min, ", median ", median, ", max ", max, ", sigma ", sigma, "; needs ",
      kFactorMin, " <= min <= median <= max <= ", kFactorMax, " and 0 <= sigma <= ", kSigmaMax));
}

double FactorOptions::Draw(Rng& rng) const {
  return std::clamp(median * std::exp(sigma * rng.Normal()), min, max);
}

absl::Status PlaybackOptions::Validate() const {
  if (!IsBetween(clips, 1, kClipsMax)) {
    return absl::InvalidArgumentError(absl::StrCat("clips is ", clips, "; needs 1 to ", kClipsMax));
  }
  if (!IsBetween(ease_s, kEaseMin_s, kEaseMax_s)) {
    return absl::InvalidArgumentError(
        absl::StrCat("ease_s is ", ease_s, "; needs ", kEaseMin_s, " to ", kEaseMax_s));
  }
  if (!placement.position.allFinite() || !std::isfinite(placement.heading_rad)) {
    return absl::InvalidArgumentError("placement is not finite");
  }
  if (absl::Status status = speed.Validate("speed"); !status.ok()) return status;
  return amplitude.Validate("amplitude");
}

HumanPlayback::HumanPlayback(std::vector<std::shared_ptr<const HumanMotion>> clips,
                             PlaybackOptions options)
    : clips_(std::move(clips)), options_(options), draws_(options.clips) {}

void HumanPlayback::Reset(Rng& rng) {
  for (Draw& draw : draws_) {
    draw.clip = static_cast<uint32_t>(rng.Index(static_cast<int64_t>(clips_.size())));
    draw.speed = options_.speed.Draw(rng);
    draw.amplitude = options_.amplitude.Draw(rng);
  }
  Plan();
}

bool HumanPlayback::IsPlayable() const {
  return std::all_of(draws_.begin(), draws_.end(), [this](const Draw& draw) {
    return draw.clip < clips_.size() &&
           IsBetween(draw.speed, options_.speed.min, options_.speed.max) &&
           IsBetween(draw.amplitude, options_.amplitude.min, options_.amplitude.max);
  });
}

void HumanPlayback::Plan() {
  segments_.clear();
  period_s_ = 0;
  for (size_t i = 0; i < draws_.size(); ++i) {
    const Draw& draw = draws_[i];
    const std::shared_ptr<const HumanMotion>& clip = clips_[draw.clip];
    Segment segment;
    segment.begin_s = period_s_;
    segment.variation = {draw.speed, draw.amplitude};
    segment.motion = clip;
    const double at_speed_s = clip->duration_s() / draw.speed;
    segment.ease_s = std::min(options_.ease_s, at_speed_s);
    segment.played_s = at_speed_s + segment.ease_s;
    period_s_ += segment.played_s;
    segments_.push_back(std::move(segment));

    const Draw& next = draws_[(i + 1) % draws_.size()];
    Segment transition;
    transition.begin_s = period_s_;
    transition.motion =
        WithinBounds("transition", PlanWay(clip->FrameAt(clip->duration_s(), draw.amplitude),
                                           clips_[next.clip]->FrameAt(0, next.amplitude), Pace()));
    transition.played_s = transition.motion->duration_s();
    period_s_ += transition.played_s;
    segments_.push_back(std::move(transition));
  }
}

const HumanPlayback::Segment& HumanPlayback::SegmentAt(double t_s, double* since_begin_s) const {
  t_s = std::fmod(t_s, period_s_);
  const auto after = std::upper_bound(
      segments_.begin() + 1, segments_.end(), t_s,
      [](double time_s, const Segment& segment) { return time_s < segment.begin_s; });
  const Segment& segment = *(after - 1);
  *since_begin_s = t_s - segment.begin_s;
  return segment;
}

void HumanPlayback::At(double t_s, HumanPose* pose) const {
  double since_begin_s;
  const Segment& segment = SegmentAt(t_s, &since_begin_s);
  HumanMotion::Moment moment;
  if (segment.ease_s > 0) {
    const RampedTime time = Ramp(since_begin_s, segment.played_s, segment.ease_s);
    const double speed = segment.variation.speed;
    moment = {speed * time.value, speed * time.rate, speed * time.rate_change};
  } else {
    moment.clip_s = since_begin_s;
  }
  segment.motion->At(moment, segment.variation.amplitude, options_.placement, pose);
}

const HumanMotion* HumanPlayback::ClipAt(double t_s) const {
  double since_begin_s;
  const Segment& segment = SegmentAt(t_s, &since_begin_s);
  return segment.ease_s > 0 ? segment.motion.get() : nullptr;
}

}  // namespace armature
