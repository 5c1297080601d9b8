#include "actor/act/policy_player.h"

#include <string>
#include <utility>

#include "ATen/Parallel.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "actor/act/policy_runner.h"
#include "actor/act/policy_store.h"
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
  auto store = PolicyStore::Create(options.policy, c10::Device(c10::kCPU));
  if (!store.ok()) return store.status();
  // One process, one policy: any incarnation but 0, which stands for none.
  if (absl::Status status = (*store)->Apply(weights, /*learner_incarnation=*/1); !status.ok()) {
    return status;
  }
  auto player = absl::WrapUnique(new PolicyPlayer(options, *std::move(columns), *std::move(store)));
  if (absl::Status status = player->MakeRunner(options.seed).status(); !status.ok()) return status;
  return player;
}

PolicyPlayer::PolicyPlayer(const Options& options, std::vector<int64_t> columns,
                           std::unique_ptr<PolicyStore> store)
    : options_(options), columns_(std::move(columns)), store_(std::move(store)) {}

PolicyPlayer::~PolicyPlayer() = default;

absl::StatusOr<std::unique_ptr<PolicyRunner>> PolicyPlayer::MakeRunner(uint64_t seed) const {
  PolicyRunner::Options runner;
  runner.env = options_.trained;
  runner.policy = options_.policy;
  runner.num_slots = 1;
  runner.seed = seed;
  return PolicyRunner::Create(runner);
}

absl::Status PolicyPlayer::Begin(int64_t first_episode, int64_t num_slots) {
  at::set_num_threads(1);
  runners_.clear();
  for (int64_t slot = 0; slot < num_slots; ++slot) {
    const uint64_t episode = static_cast<uint64_t>(first_episode + slot);
    auto runner = MakeRunner(Rng({options_.seed, episode}).Bits());
    if (!runner.ok()) return runner.status();
    runners_.push_back(*std::move(runner));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> PolicyPlayer::Act(const std::vector<float>& observation) {
  const PolicySnapshot policy = store_->newest();
  const size_t size = options_.env.observation_size();
  std::vector<float> sent;
  for (size_t slot = 0; slot < runners_.size(); ++slot) {
    std::vector<float> row;
    for (const int64_t column : columns_) row.push_back(observation[slot * size + column]);
    PolicyRunner* const runner = runners_[slot].get();
    const auto actions = options_.deterministic ? runner->RunDeterministic(policy, row)
                                                : runner->Run(policy, row, {int64_t{0}});
    if (!actions.ok()) return actions.status();
    sent.insert(sent.end(), actions->sent.begin(), actions->sent.end());
  }
  return sent;
}

}  // namespace armature
