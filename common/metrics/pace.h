// Recent growth rate of a count: a weighted average in which older observations lose half of their
// weight every kHalfLifeS.
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
  // Observations closer together than this are ignored.
  static constexpr double kResolutionS = 1;

  // `seconds` is the time since any fixed moment. If the count or clock goes back, measuring
  // continues from the new value.
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

  // Returns the expected seconds until the count has grown by `more`. NaN if nothing is known yet
  // or the count does not grow.
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
