#include "deploy/verbs/trained/policy_player.h"

#include <string>
#include <utility>

#include "ATen/Parallel.h"
#include "ATen/ops/zeros.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "common/policy/policy_actions.h"
#include "common/policy/policy_wire.h"
#include "common/random/rng.h"
#include "common/spec/fit_observation.h"

namespace armature {

absl::StatusOr<std::unique_ptr<PolicyPlayer>> PolicyPlayer::Create(
    const Options& options, const v1::PolicyUpdate& weights) {
  if (!options.deterministic && options.policy.head() == v1::PolicySpec::HEAD_TANH) {
    return absl::InvalidArgumentError(
        "this policy is deterministic (TD3 and DDPG train none other): there is nothing to draw");
  }
  EnvSpec expected = options.env;
  expected.action = options.trained.action;
  const std::string difference = DescribeDifference(expected, options.env);
  absl::StatusOr<std::vector<int64_t>> columns = difference.empty()
                                                     ? FitObservation(options.trained, options.env)
                                                     : absl::FailedPreconditionError(difference);
  if (!columns.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the policy was trained in another environment: ", columns.status().message()));
  }
  if (absl::Status status = CheckPolicyFits(options.policy, options.trained); !status.ok()) {
    return status;
  }
  auto network = PolicyNetwork::Create(options.policy, c10::Device(c10::kCPU));
  if (!network.ok()) return network.status();
  const absl::StatusOr<NamedTensors> tensors = DecodePolicy(weights);
  if (!tensors.ok()) return tensors.status();
  if (absl::Status status = (*network)->Load(*tensors); !status.ok()) return status;
  return absl::WrapUnique(new PolicyPlayer(options, *std::move(columns), *std::move(network)));
}

PolicyPlayer::PolicyPlayer(const Options& options, std::vector<int64_t> columns,
                           std::unique_ptr<PolicyNetwork> network)
    : options_(options), columns_(std::move(columns)), network_(std::move(network)) {}

absl::Status PolicyPlayer::Begin(int64_t first_episode, int64_t num_slots) {
  at::set_num_threads(1);
  draws_.clear();
  for (int64_t slot = 0; slot < num_slots; ++slot) {
    const uint64_t episode = static_cast<uint64_t>(first_episode + slot);
    draws_.push_back(MakeDrawGenerator(Rng({options_.seed, episode}).Bits(), /*slot=*/0));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> PolicyPlayer::Act(const std::vector<float>& observation) {
  const int64_t size = options_.env.observation_size();
  // Tensors of LibTorch's own are aligned, which the rounding of a matrix product may
  // depend on.
  at::Tensor input = at::zeros({1, static_cast<int64_t>(columns_.size())}, at::kFloat);
  at::Tensor noise = at::zeros({1, network_->draws_per_row()}, at::kFloat);
  std::vector<float> sent;
  for (size_t slot = 0; slot < draws_.size(); ++slot) {
    float* row = input.mutable_data_ptr<float>();
    for (const int64_t column : columns_) *row++ = observation[slot * size + column];
    DrawNoise(options_.policy.head(), &draws_[slot],
              {noise.mutable_data_ptr<float>(), static_cast<size_t>(noise.size(1))});
    const auto output = network_->ActByDraws(input, options_.deterministic ? at::Tensor() : noise);
    const auto actions = ToActions(output, options_.trained.action, /*policy_version=*/0);
    if (!actions.ok()) return actions.status();
    sent.insert(sent.end(), actions->sent.begin(), actions->sent.end());
  }
  return sent;
}

}  // namespace armature
