#include "common/policy/policy_actions.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

constexpr uint64_t kDrawsStream = 0xd4a3;

std::vector<float> CopyOut(const at::Tensor& tensor) {
  const at::Tensor on_cpu = tensor.to(at::kCPU).contiguous();
  std::vector<float> values(on_cpu.numel());
  std::memcpy(values.data(), on_cpu.const_data_ptr<float>(), values.size() * sizeof(float));
  return values;
}

bool FitsHead(const v1::PolicySpec& policy, const ActionSpec& action) {
  if (policy.head() != v1::PolicySpec::HEAD_CATEGORICAL) return !action.is_discrete();
  const bool single = action.choices.size() == 1 && policy.choices().empty();
  return single || std::equal(policy.choices().begin(), policy.choices().end(),
                              action.choices.begin(), action.choices.end());
}

}  // namespace

absl::Status CheckPolicyFits(const v1::PolicySpec& policy, const EnvSpec& env) {
  if (policy.observation_size() != env.observation_size()) {
    return absl::InvalidArgumentError(absl::StrCat("policy.observation_size is ",
                                                   policy.observation_size(), ", but ", env.id,
                                                   " has ", env.observation_size()));
  }
  if (policy.action_size() != env.action.policy_size()) {
    return absl::InvalidArgumentError(absl::StrCat("policy.action_size is ", policy.action_size(),
                                                   ", but ", env.id, " has ",
                                                   env.action.policy_size()));
  }
  if (FitsHead(policy, env.action)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "policy.head is ", v1::PolicySpec::Head_Name(policy.head()), " of choices [",
      absl::StrJoin(policy.choices(), ","), "], but ", env.id, " takes ", env.action.ToString()));
}

Rng MakeDrawGenerator(uint64_t seed, uint64_t slot) { return Rng({seed, kDrawsStream, slot}); }

void DrawNoise(v1::PolicySpec::Head head, Rng* rng, absl::Span<float> draws) {
  for (float& value : draws) {
    value = static_cast<float>(head == v1::PolicySpec::HEAD_CATEGORICAL ? rng->Uniform(0, 1)
                                                                        : rng->Normal());
  }
}

absl::StatusOr<GroupActions> ToActions(const PolicyNetwork::Output& output,
                                       const ActionSpec& action, uint64_t policy_version) {
  GroupActions actions = {CopyOut(output.action), {}, CopyOut(output.log_prob), policy_version};
  if (FindNonFinite(actions.stored) >= 0 || FindNonFinite(actions.log_prob) >= 0) {
    return absl::InternalError(
        absl::StrCat("policy version ", policy_version, " gave an action that is not finite"));
  }
  MapToBounds(action, &actions);
  return actions;
}

void MapToBounds(const ActionSpec& action, GroupActions* actions) {
  actions->sent = actions->stored;
  if (action.is_discrete()) return;
  const size_t size = action.low.size();
  for (size_t i = 0; i < actions->sent.size(); ++i) {
    const double low = action.low[i % size], high = action.high[i % size];
    const double unit = std::clamp<double>(actions->stored[i], -1, 1);
    actions->sent[i] = static_cast<float>(low + (unit + 1) / 2 * (high - low));
  }
}

std::vector<float> ScaleFromBounds(const ActionSpec& action, absl::Span<const float> values) {
  const size_t size = action.low.size();
  std::vector<float> scaled(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double low = action.low[i % size], high = action.high[i % size];
    scaled[i] = static_cast<float>(std::clamp(2 * (values[i] - low) / (high - low) - 1, -1.0, 1.0));
  }
  return scaled;
}

}  // namespace armature
