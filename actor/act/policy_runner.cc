#include "actor/act/policy_runner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ATen/ops/from_blob.h"
#include "ATen/ops/zeros.h"
#include "absl/memory/memory.h"
#include "common/policy/policy_actions.h"
#include "common/policy/policy_network.h"

namespace armature {
absl::StatusOr<std::unique_ptr<PolicyRunner>> PolicyRunner::Create(const Options& options) {
  const EnvSpec& env = options.env;
  const v1::PolicySpec& policy = options.policy;
  if (absl::Status status = CheckPolicyFits(policy, env); !status.ok()) return status;
  absl::StatusOr<Explorer> explorer =
      Explorer::Create(options.exploration, env.action, options.num_slots, options.seed);
  if (!explorer.ok()) return explorer.status();
  std::unique_ptr<ParameterNoise> parameter_noise;
  if (options.exploration.has_parameter_noise()) {
    absl::StatusOr<std::unique_ptr<ParameterNoise>> created =
        ParameterNoise::Create(options.exploration.parameter_noise(), policy, options.num_slots,
                               options.device, options.seed);
    if (!created.ok()) return created.status();
    parameter_noise = *std::move(created);
  }
  return absl::WrapUnique(
      new PolicyRunner(options, *std::move(explorer), std::move(parameter_noise)));
}

PolicyRunner::PolicyRunner(const Options& options, Explorer explorer,
                           std::unique_ptr<ParameterNoise> parameter_noise)
    : action_(options.env.action),
      observation_size_(options.env.observation_size()),
      head_(options.policy.head()),
      device_(options.device),
      fixed_rows_(options.fixed_rows ? options.num_slots : 0),
      explorer_(std::move(explorer)),
      parameter_noise_(std::move(parameter_noise)),
      draws_(options.num_slots, Rng({options.seed})) {
  Reseed(options.seed);
}

void PolicyRunner::Reseed(uint64_t seed) {
  explorer_.Reseed(seed);
  if (parameter_noise_) parameter_noise_->Reseed(seed);
  for (size_t slot = 0; slot < draws_.size(); ++slot) {
    draws_[slot] = MakeDrawGenerator(seed, slot);
  }
}

bool PolicyRunner::CanAct(const PolicySnapshot& policy) const {
  return policy.network != nullptr || explorer_.ActsAtRandom(policy.version);
}

absl::StatusOr<GroupActions> PolicyRunner::Run(const PolicySnapshot& policy,
                                               const std::vector<float>& observation,
                                               absl::Span<const int64_t> slots) {
  GroupActions actions;
  if (explorer_.ActsAtRandom(policy.version)) {
    actions.policy_version = policy.version;
    DrawUniform(slots, &actions);
  } else {
    absl::StatusOr<GroupActions> forward = Draw(policy, observation, slots);
    if (!forward.ok()) return forward.status();
    actions = *std::move(forward);
    Explore(policy, observation, slots, &actions);
  }
  MapToBounds(action_, &actions);
  return actions;
}

absl::StatusOr<GroupActions> PolicyRunner::RunDeterministic(const PolicySnapshot& policy,
                                                            const std::vector<float>& observation) {
  const int64_t rows = static_cast<int64_t>(observation.size()) / observation_size_;
  const at::Tensor input =
      at::from_blob(const_cast<float*>(observation.data()), {rows, observation_size_}, at::kFloat)
          .to(device_);
  const PolicyNetwork::Output output =
      policy.network->Act(input, /*deterministic=*/true, std::nullopt);
  return ToActions(output, action_, policy.version);
}

void PolicyRunner::DrawUniform(absl::Span<const int64_t> slots, GroupActions* actions) {
  const size_t size = action_.size();
  actions->stored.resize(slots.size() * size);
  for (size_t row = 0; row < slots.size(); ++row) {
    explorer_.DrawUniform(slots[row], absl::MakeSpan(actions->stored).subspan(row * size, size));
  }
  actions->log_prob.assign(slots.size(), explorer_.uniform_log_prob());
}

absl::StatusOr<GroupActions> PolicyRunner::Draw(const PolicySnapshot& policy,
                                                const std::vector<float>& observation,
                                                absl::Span<const int64_t> slots) {
  const PolicyNetwork& network = *policy.network;
  const int64_t count = static_cast<int64_t>(slots.size());
  const int64_t rows = fixed_rows_ > 0 ? fixed_rows_ : count;
  // LibTorch aligns its own tensors; a matrix product's rounding may depend on alignment.
  at::Tensor input = at::zeros({rows, observation_size_}, at::kFloat);
  at::Tensor draws = at::zeros({rows, network.draws_per_row()}, at::kFloat);
  auto row_of = [&](int64_t i) { return fixed_rows_ > 0 ? slots[i] : i; };
  for (int64_t i = 0; i < count; ++i) {
    std::copy_n(observation.begin() + i * observation_size_, observation_size_,
                input.mutable_data_ptr<float>() + row_of(i) * observation_size_);
    const size_t size = draws.size(1);
    DrawNoise(head_, &draws_[slots[i]], {draws.mutable_data_ptr<float>() + row_of(i) * size, size});
  }
  const PolicyNetwork::Output output = network.ActByDraws(input.to(device_), draws.to(device_));
  absl::StatusOr<GroupActions> all = ToActions(output, action_, policy.version);
  if (!all.ok() || fixed_rows_ == 0) return all;
  GroupActions actions = {{}, {}, {}, policy.version};
  const int64_t size = action_.size();
  for (int64_t slot : slots) {
    const auto row = all->stored.begin() + slot * size;
    actions.stored.insert(actions.stored.end(), row, row + size);
    actions.log_prob.push_back(all->log_prob[slot]);
  }
  return actions;
}

void PolicyRunner::Explore(const PolicySnapshot& policy, const std::vector<float>& observation,
                           absl::Span<const int64_t> slots, GroupActions* actions) {
  const size_t size = action_.size();
  const absl::Span<const float> rows(observation);
  for (size_t row = 0; row < slots.size(); ++row) {
    const absl::Span<float> action = absl::MakeSpan(actions->stored).subspan(row * size, size);
    if (parameter_noise_) {
      parameter_noise_->Perturb(policy, slots[row],
                                rows.subspan(row * observation_size_, observation_size_), action);
    }
    if (head_ == v1::PolicySpec::HEAD_TANH) explorer_.AddNoise(slots[row], action);
    if (explorer_.ReplaceAtRandom(slots[row], action)) {
      actions->log_prob[row] = explorer_.uniform_log_prob();
    }
  }
}

}  // namespace armature
