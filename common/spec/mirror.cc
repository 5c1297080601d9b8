#include "common/spec/mirror.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace armature {
namespace {

absl::Status CheckPermutation(const SignedPermutation& permutation, int64_t size,
                              absl::string_view name) {
  const auto count = static_cast<int64_t>(permutation.source.size());
  if (count != size || permutation.sign.size() != permutation.source.size()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " has ", count, " sources and ",
                                                   permutation.sign.size(), " signs for ", size,
                                                   " numbers"));
  }
  for (int64_t i = 0; i < size; ++i) {
    const int64_t source = permutation.source[i];
    if (source < 0 || source >= size) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ".source[", i, "] is ", source, ", expected 0 .. ", size - 1));
    }
    if (permutation.sign[i] != 1 && permutation.sign[i] != -1) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ".sign[", i, "] is ", permutation.sign[i], ", expected 1 or -1"));
    }
    if (permutation.source[source] != i || permutation.sign[source] != permutation.sign[i]) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is not its own inverse: number ", i, " is taken from ", source,
                       " with sign ", permutation.sign[i], ", but number ", source, " from ",
                       permutation.source[source], " with sign ", permutation.sign[source]));
    }
  }
  return absl::OkStatus();
}

v1::SignedPermutation ToProto(const SignedPermutation& permutation) {
  v1::SignedPermutation proto;
  proto.mutable_source()->Add(permutation.source.begin(), permutation.source.end());
  proto.mutable_sign()->Add(permutation.sign.begin(), permutation.sign.end());
  return proto;
}

SignedPermutation FromProto(const v1::SignedPermutation& proto) {
  return {{proto.source().begin(), proto.source().end()},
          {proto.sign().begin(), proto.sign().end()}};
}

}  // namespace

absl::Status CheckMirror(const MirrorSpec& mirror, int64_t observation_size,
                         absl::Span<const double> action_low,
                         absl::Span<const double> action_high) {
  if (action_low.empty()) {
    return absl::InvalidArgumentError("mirror is declared, but the action is not a Box");
  }
  absl::Status status =
      CheckPermutation(mirror.observation, observation_size, "mirror.observation");
  status.Update(
      CheckPermutation(mirror.action, static_cast<int64_t>(action_low.size()), "mirror.action"));
  if (!status.ok()) return status;
  for (size_t i = 0; i < action_low.size(); ++i) {
    const int64_t source = mirror.action.source[i];
    const bool keeps = mirror.action.sign[i] == 1;
    const double low = keeps ? action_low[source] : -action_high[source];
    const double high = keeps ? action_high[source] : -action_low[source];
    if (action_low[i] == low && action_high[i] == high) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "mirror.action[", i, "]: the mirror image of component ", source, " has bounds [", low,
        ", ", high, "], but component ", i, " has [", action_low[i], ", ", action_high[i], "]"));
  }
  return absl::OkStatus();
}

v1::MirrorSpec MirrorToProto(const MirrorSpec& mirror) {
  v1::MirrorSpec proto;
  *proto.mutable_observation() = ToProto(mirror.observation);
  *proto.mutable_action() = ToProto(mirror.action);
  return proto;
}

MirrorSpec MirrorFromProto(const v1::MirrorSpec& proto) {
  return {FromProto(proto.observation()), FromProto(proto.action())};
}

}  // namespace armature
