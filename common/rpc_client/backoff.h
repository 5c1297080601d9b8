// How long to wait before a retry. The wait doubles with each failure and has random jitter, so
// that many actors do not return to a restarted server at the same time.
//
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_RPC_CLIENT_BACKOFF_H_
#define ARMATURE_COMMON_RPC_CLIENT_BACKOFF_H_

#include <cstdint>

#include "absl/time/time.h"
#include "common/random/rng.h"

namespace armature {

class Backoff {
 public:
  static constexpr absl::Duration kMin = absl::Milliseconds(100);
  static constexpr absl::Duration kMax = absl::Seconds(5);

  explicit Backoff(uint64_t seed);

  // Returns the wait after one more failure: 0.1 s doubled each time, times a random factor of 0.75
  // to 1.25, within [kMin, kMax].
  absl::Duration Next();
  // Call it after a success.
  void Reset() { delay_ = kMin; }

 private:
  Rng rng_;
  absl::Duration delay_ = kMin;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_CLIENT_BACKOFF_H_
