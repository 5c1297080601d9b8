// How fast a count grows, as of late: what was counted over the time it took, where both
// lose half of their weight every kHalfLifeS.
//
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_METRICS_PACE_H_
#define ARMATURE_COMMON_METRICS_PACE_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace armature {

class Pace {
 public:
  static constexpr double kHalfLifeS = 60;
  // Observations closer to the last one than this say nothing yet.
  static constexpr double kResolutionS = 1;

  // `count` as of `seconds` since any fixed moment. A count or clock that went back is taken
  // as it is from there on.
  void Observe(double count, double seconds) {
    const double elapsed = last_ ? seconds - last_->seconds : 0;
    if (last_ && elapsed >= 0 && elapsed < kResolutionS) return;
    if (elapsed > 0) {
      const double kept = std::exp2(-elapsed / kHalfLifeS);
      counted_ = counted_ * kept + std::max(0.0, count - last_->count);
      elapsed_ = elapsed_ * kept + elapsed;
    }
    last_ = Observation{count, seconds};
  }

  // How long `more` will take. NaN: nothing is known yet, or nothing moves.
  double SecondsFor(double more) const {
    return counted_ > 0 ? more * elapsed_ / counted_ : std::numeric_limits<double>::quiet_NaN();
  }

 private:
  struct Observation {
    double count;
    double seconds;
  };
  std::optional<Observation> last_;
  double counted_ = 0;
  double elapsed_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_METRICS_PACE_H_
