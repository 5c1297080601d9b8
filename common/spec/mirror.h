// The mirror image of a task; proto/spec.proto says what it promises.
//
// Thread safety: plain values and free functions.
#ifndef ARMATURE_COMMON_SPEC_MIRROR_H_
#define ARMATURE_COMMON_SPEC_MIRROR_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "proto/spec.pb.h"

namespace armature {

// Number i of the result is sign[i] times number source[i].
struct SignedPermutation {
  std::vector<int64_t> source;
  std::vector<int64_t> sign;  // Each 1 or -1.
};

struct MirrorSpec {
  SignedPermutation observation;  // Of all fields joined.
  SignedPermutation action;       // Of the components of a Box.
};

// Returns InvalidArgument, and says where, if `mirror` breaks proto/spec.proto's rules for
// observations of `observation_size` numbers and a Box action with these bounds. No bounds: not a
// Box, which has no mirror image.
absl::Status CheckMirror(const MirrorSpec& mirror, int64_t observation_size,
                         absl::Span<const double> action_low, absl::Span<const double> action_high);

v1::MirrorSpec MirrorToProto(const MirrorSpec& mirror);
MirrorSpec MirrorFromProto(const v1::MirrorSpec& proto);

}  // namespace armature

#endif  // ARMATURE_COMMON_SPEC_MIRROR_H_
