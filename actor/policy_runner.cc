#include "actor/policy_runner.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ATen/Context.h"
#include "ATen/core/Generator.h"
#include "ATen/ops/from_blob.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "common/policy/policy_network.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

std::vector<float> CopyOut(const at::Tensor& tensor) {
  const at::Tensor on_cpu = tensor.to(at::kCPU).contiguous();
  std::vector<float> values(on_cpu.numel());
  std::memcpy(values.data(), on_cpu.const_data_ptr<float>(), values.size() * sizeof(float));
  return values;
}

}  // namespace

struct PolicyRunner::Generator {
  at::Generator generator;
};

absl::StatusOr<std::unique_ptr<PolicyRunner>> PolicyRunner::Create(
    const EnvSpec& env, const v1::PolicySpec& policy, const v1::Exploration& exploration,
    c10::Device device, uint64_t seed) {
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
  const bool categorical = policy.head() == v1::PolicySpec::HEAD_CATEGORICAL;
  if (categorical != env.action.is_discrete()) {
    return absl::InvalidArgumentError(
        absl::StrCat("policy.head is ", v1::PolicySpec::Head_Name(policy.head()), ", but ", env.id,
                     " takes ", env.action.is_discrete() ? "Discrete" : "Box", " actions"));
  }
  if (!(exploration.normal_noise_std() >= 0) || !std::isfinite(exploration.normal_noise_std())) {
    return absl::InvalidArgumentError(
        absl::StrCat("exploration.normal_noise_std is ", exploration.normal_noise_std()));
  }
  return absl::WrapUnique(new PolicyRunner(env, policy, exploration, device, seed));
}

PolicyRunner::PolicyRunner(const EnvSpec& env, const v1::PolicySpec& policy,
                           const v1::Exploration& exploration, c10::Device device, uint64_t seed)
    : action_(env.action),
      observation_size_(env.observation_size()),
      head_(policy.head()),
      random_until_version_(exploration.random_until_version()),
      normal_noise_std_(exploration.normal_noise_std()),
      device_(device),
      rng_({seed}),
      generator_(std::make_unique<Generator>()) {
  // A clone: the process's own generator is shared by all threads.
  generator_->generator = at::globalContext().defaultGenerator(device).clone();
  generator_->generator.set_current_seed(rng_.Bits());
}

PolicyRunner::~PolicyRunner() = default;

bool PolicyRunner::CanAct(const PolicySnapshot& policy) const {
  return policy.network != nullptr || policy.version < random_until_version_;
}

absl::StatusOr<GroupActions> PolicyRunner::Run(const PolicySnapshot& policy,
                                               const std::vector<float>& observation,
                                               bool deterministic) {
  GroupActions actions;
  actions.policy_version = policy.version;
  if (!deterministic && policy.version < random_until_version_) {
    DrawUniform(static_cast<int64_t>(observation.size()) / observation_size_, &actions);
  } else {
    if (absl::Status status = Forward(policy, observation, deterministic, &actions); !status.ok()) {
      return status;
    }
    if (!deterministic && head_ == v1::PolicySpec::HEAD_TANH) AddNoise(&actions.stored);
  }
  MapToBounds(&actions);
  return actions;
}

void PolicyRunner::DrawUniform(int64_t rows, GroupActions* actions) {
  const int64_t size = action_.size();
  actions->stored.resize(rows * size);
  for (float& value : actions->stored) {
    value = static_cast<float>(action_.is_discrete() ? rng_.Index(action_.num_choices)
                                                     : rng_.Uniform(-1, 1));
  }
  const double log_prob =
      action_.is_discrete() ? -std::log(action_.num_choices) : -size * std::log(2.0);
  actions->log_prob.assign(rows, static_cast<float>(log_prob));
}

absl::Status PolicyRunner::Forward(const PolicySnapshot& policy,
                                   const std::vector<float>& observation, bool deterministic,
                                   GroupActions* actions) {
  const int64_t rows = static_cast<int64_t>(observation.size()) / observation_size_;
  const at::Tensor input =
      at::from_blob(const_cast<float*>(observation.data()), {rows, observation_size_}, at::kFloat)
          .to(device_);
  const PolicyNetwork::Output output =
      policy.network->Act(input, deterministic, generator_->generator);
  actions->stored = CopyOut(output.action);
  actions->log_prob = CopyOut(output.log_prob);
  if (FindNonFinite(actions->stored) >= 0 || FindNonFinite(actions->log_prob) >= 0) {
    return absl::InternalError(
        absl::StrCat("policy version ", policy.version, " gave an action that is not finite"));
  }
  return absl::OkStatus();
}

void PolicyRunner::AddNoise(std::vector<float>* action) {
  for (float& value : *action) {
    value = std::clamp(static_cast<float>(value + normal_noise_std_ * rng_.Normal()), -1.0f, 1.0f);
  }
}

void PolicyRunner::MapToBounds(GroupActions* actions) const {
  actions->sent = actions->stored;
  if (action_.is_discrete()) return;
  const size_t size = action_.low.size();
  for (size_t i = 0; i < actions->sent.size(); ++i) {
    const double low = action_.low[i % size], high = action_.high[i % size];
    const double unit = std::clamp<double>(actions->stored[i], -1, 1);
    actions->sent[i] = static_cast<float>(low + (unit + 1) / 2 * (high - low));
  }
}

}  // namespace armature
