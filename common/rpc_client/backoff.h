// How long to wait before trying again: doubled with each failure, with jitter
// so that many actors do not return to a restarted server at the same instant.
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

  // The wait after one more failure: 0.1 s doubled each time, times 0.75 to 1.25,
  // within [kMin, kMax].
  absl::Duration Next();
  // After a success.
  void Reset() { delay_ = kMin; }

 private:
  Rng rng_;
  absl::Duration delay_ = kMin;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_CLIENT_BACKOFF_H_
