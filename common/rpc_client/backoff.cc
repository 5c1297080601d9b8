#include "common/rpc_client/backoff.h"

#include <algorithm>

namespace armature {

Backoff::Backoff(uint64_t seed) : rng_({seed}) {}

absl::Duration Backoff::Next() {
  const absl::Duration wait = delay_ * rng_.Uniform(0.75, 1.25);
  delay_ = std::min(2 * delay_, kMax);
  return std::clamp(wait, kMin, kMax);
}

}  // namespace armature
