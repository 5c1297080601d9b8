#include "actor/rollout_loop.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "actor/act/parameter_noise.h"
#include "actor/status/actor_identity.h"
#include "common/sync/steady_time.h"
#include "common/tensor/packed.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

// Limits log lines about an environment that always fails.
constexpr absl::Duration kFaultLinePeriod = absl::Seconds(5);

// Seed stream of a turn, the same in every life of an actor.
constexpr uint64_t kAnyLife = 0;
constexpr uint64_t kEnvStream = 0;
constexpr uint64_t kPolicyStream = 1;

// Returns `newest` if the batch has no experience.
uint64_t OldestVersion(const v1::ExperienceBatch& batch, uint64_t newest) {
  if (batch.experience_case() == v1::ExperienceBatch::EXPERIENCE_NOT_SET) return newest;
  if (batch.has_trajectory()) return batch.trajectory().policy_version();
  const absl::Span<const int64_t> versions =
      TensorValues<int64_t>(batch.transitions().policy_version());
  return static_cast<uint64_t>(*std::min_element(versions.begin(), versions.end()));
}

// Returns rows [first, first + count) of the actions of one pass.
GroupActions Slice(const GroupActions& all, int64_t first, int64_t count, int64_t action_size) {
  auto rows = [&](const std::vector<float>& values, int64_t width) {
    const auto begin = values.begin() + first * width;
    return std::vector<float>(begin, begin + count * width);
  };
  return {rows(all.stored, action_size), rows(all.sent, action_size), rows(all.log_prob, 1),
          all.policy_version};
}

}  // namespace

RolloutLoop::RolloutLoop(const Parts& parts)
    : parts_(parts), ready_(parts.pool->groups().size()), wait_log_(SteadyTime()) {}

absl::Status RolloutLoop::Run(const std::function<void()>& on_ready) {
  bool told_ready = false;
  const auto goes_on = [this] {
    return !parts_.stopping->load() && !parts_.link->run_over() &&
           parts_.link->settings_change().empty();
  };
  while (goes_on()) {
    const absl::Time now = SteadyTime();
    if (absl::Status status = Receive(now); !status.ok()) return status;
    if (!told_ready && AnyReady()) {
      on_ready();
      told_ready = true;
    }
    for (const v1::CollectRequest& request : parts_.collector->TakeRequests()) {
      parts_.link->RequestCollect(request.group(), request.steps());
    }
    // Send what the last step completed before computing the room for the next.
    SendExperience(parts_.collector->Take(Room(), now));
    if (absl::Status status = ActOnReady(); !status.ok()) return status;
    Wait();
  }
  Finish();
  return absl::OkStatus();
}

absl::Status RolloutLoop::Receive(absl::Time now) {
  LearnerLink::Received from_learner = parts_.link->Poll(now);
  if (from_learner.reopened) parts_.collector->OnStreamReopened();
  for (const v1::CollectGrant& grant : from_learner.grants) parts_.collector->OnGrant(grant);

  Reseed();
  SessionPool::Received from_envs = parts_.pool->Poll(now);
  if (absl::Status status = CheckUnbroken(from_envs); !status.ok()) return status;
  for (size_t group : from_envs.lost) {
    ready_[group].clear();
    parts_.collector->OnLost(group);
  }
  for (SessionPool::GroupStep& step : from_envs.steps) OnStep(std::move(step), now);
  if (parts_.link->heartbeat_due(now)) SendHeartbeat(now);

  const uint64_t version = parts_.store->newest().version;
  if (version != policy_version_) parts_.evaluator->Wake();
  const uint64_t learner = parts_.store->learner_incarnation();
  if (learner != std::exchange(learner_incarnation_, learner)) first_version_ = version;
  policy_version_ = version;
  return CheckPeers(now);
}

absl::Status RolloutLoop::CheckUnbroken(const SessionPool::Received& from_envs) const {
  if (!parts_.takes_turns || parts_.link->run_over()) return absl::OkStatus();
  std::string lost;
  if (!parts_.link->connected()) lost = parts_.link->last_failure();
  if (!from_envs.lost.empty()) lost = parts_.pool->last_failure();
  for (const SessionPool::GroupStep& step : from_envs.steps) {
    if (!step.step.fault.empty()) lost = step.step.fault.front();
  }
  if (lost.empty()) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("a reproducible run goes back to its last checkpoint, because: ", lost));
}

absl::Status RolloutLoop::CheckPeers(absl::Time now) const {
  if (!parts_.link->refusal().ok()) return parts_.link->refusal();
  if (absl::Status status = parts_.pool->refusal(); !status.ok()) return status;
  if (!parts_.link->connected() && !parts_.link->run_over() &&
      now - parts_.link->lost_since() > parts_.reconnect_timeout) {
    return absl::UnavailableError(absl::StrCat("the learner did not return within ",
                                               absl::FormatDuration(parts_.reconnect_timeout), ": ",
                                               parts_.link->last_failure()));
  }
  if (const std::optional<absl::Time> none_since = parts_.pool->none_since();
      none_since.has_value() && now - *none_since > parts_.reconnect_timeout) {
    return absl::UnavailableError(absl::StrCat(
        "no env server of ", parts_.directory->written(), " opened a session within ",
        absl::FormatDuration(parts_.reconnect_timeout), ": ", parts_.pool->last_failure()));
  }
  return absl::OkStatus();
}

void RolloutLoop::SendHeartbeat(absl::Time now) {
  v1::ExperienceRequest::Heartbeat heartbeat;
  const std::vector<uint64_t> grants = parts_.collector->grants_at_work();
  heartbeat.mutable_grant_id()->Add(grants.begin(), grants.end());
  heartbeat.set_evaluation_id(parts_.evaluator->TakeProgress());
  parts_.link->SendHeartbeat(std::move(heartbeat), now);
}

void RolloutLoop::OnStep(SessionPool::GroupStep group_step, absl::Time now) {
  DecodedStep& step = group_step.step;
  if (!step.fault.empty()) LogFaults(step.fault, now);
  if (step.step > 0) parts_.metrics->env_steps.Increment(static_cast<double>(step.num_slots()));
  parts_.metrics->slot_restarts.Increment(
      static_cast<double>(std::count(step.restarted.begin(), step.restarted.end(), 1)));
  if (step.out_of_bounds > 0) CountOutOfBounds(step);
  const int64_t episodes = parts_.collector->OnStep(group_step.group, step, now);
  parts_.metrics->episodes.Increment(static_cast<double>(episodes));
  BeginEpisodes(parts_.pool->groups()[group_step.group].first_slot, step);
  ready_[group_step.group] = std::move(step.observation);
}

void RolloutLoop::CountOutOfBounds(const DecodedStep& step) {
  parts_.metrics->observations_out_of_bounds.Increment(static_cast<double>(step.out_of_bounds));
  if (std::exchange(told_out_of_bounds_, true)) return;
  spdlog::warn(
      "{}; it is learned from as it is, and all such values are counted in "
      "armature_actor_observations_out_of_bounds_total",
      step.first_out_of_bounds);
}

void RolloutLoop::BeginEpisodes(int64_t first_slot, const DecodedStep& step) {
  for (int64_t slot = 0; slot < step.num_slots(); ++slot) {
    if (step.step == 0 || step.ended(slot) || step.restarted[slot] != 0) {
      parts_.runner->BeginEpisode(first_slot + slot);
    }
  }
}

void RolloutLoop::Reseed() {
  const PolicySnapshot policy = parts_.store->newest();
  const std::optional<uint64_t> seed = parts_.collector->TakeSeed(policy.version);
  if (!seed.has_value()) return;
  parts_.pool->SetParameters(policy.parameters);
  for (size_t group = 0; group < ready_.size(); ++group) {
    ready_[group].clear();
    parts_.pool->Reset(group, ActorSeed(*seed, parts_.actor_name, kAnyLife, kEnvStream));
  }
  parts_.runner->Reseed(ActorSeed(*seed, parts_.actor_name, kAnyLife, kPolicyStream));
}

void RolloutLoop::LogFaults(const std::vector<std::string>& faults, absl::Time now) {
  faults_untold_ += static_cast<int64_t>(faults.size());
  if (now < next_fault_line_) return;
  spdlog::warn("{}; {} slots restarted since the last such line", faults.front(), faults_untold_);
  next_fault_line_ = now + kFaultLinePeriod;
  faults_untold_ = 0;
}

absl::Status RolloutLoop::ActOnReady() {
  const PolicySnapshot policy = parts_.store->newest();
  if (!parts_.runner->CanAct(policy)) return absl::OkStatus();
  // No policy is published during a turn, so this never changes the episodes that begin in one.
  parts_.pool->SetParameters(policy.parameters);
  std::vector<size_t> groups;
  std::vector<float> rows;
  std::vector<int64_t> slots;
  for (size_t group = 0; group < ready_.size(); ++group) {
    if (ready_[group].empty() || parts_.pool->Holds(group)) continue;
    if (!parts_.collector->PrepareToAct(group, policy.version, Room())) continue;
    groups.push_back(group);
    const SessionPool::GroupLayout& layout = parts_.pool->groups()[group];
    for (int64_t i = 0; i < layout.size; ++i) slots.push_back(layout.first_slot + i);
    rows.insert(rows.end(), ready_[group].begin(), ready_[group].end());
    ready_[group].clear();
  }
  if (groups.empty()) return absl::OkStatus();

  const absl::Time begin = SteadyTime();
  const auto actions = parts_.runner->Run(policy, rows, slots);
  if (!actions.ok()) return actions.status();
  const int64_t num_rows = static_cast<int64_t>(slots.size());
  parts_.metrics->inference_duration.Observe(absl::ToDoubleSeconds(SteadyTime() - begin));
  parts_.metrics->inference_batch_size.Observe(static_cast<double>(num_rows));
  if (const ParameterNoise* noise = parts_.runner->parameter_noise(); noise != nullptr) {
    parts_.metrics->parameter_noise_std.Set(noise->std_mean());
    parts_.metrics->parameter_noise_distance.Set(noise->distance_mean());
  }

  const int64_t action_size = static_cast<int64_t>(actions->stored.size()) / num_rows;
  int64_t first = 0;
  for (size_t group : groups) {
    const int64_t count = parts_.pool->groups()[group].size;
    const GroupActions of_group = Slice(*actions, first, count, action_size);
    first += count;
    parts_.collector->OnActions(group, of_group);
    parts_.pool->Act(group, of_group.sent);
  }
  stepped_ = true;
  return absl::OkStatus();
}

void RolloutLoop::SendExperience(std::vector<v1::ExperienceBatch> batches) {
  for (v1::ExperienceBatch& batch : batches) {
    // A learner that restarted from a checkpoint may be at a lower version than the batch. It also
    // skips some version numbers, which must not count as lag.
    const uint64_t oldest =
        std::min(std::max(OldestVersion(batch, policy_version_), first_version_), policy_version_);
    parts_.metrics->policy_lag.Set(static_cast<double>(policy_version_ - oldest));
    parts_.link->Send(std::move(batch));
  }
}

void RolloutLoop::Finish() {
  const absl::Time deadline = SteadyTime() + parts_.flush_timeout;
  SendExperience(parts_.collector->Flush());
  for (;;) {
    parts_.link->Poll(SteadyTime());
    if (!parts_.link->can_send() || parts_.link->unacked_batches() == 0) break;
    if (SteadyTime() >= deadline) break;
    parts_.signal->WaitUntil(deadline);
  }
  if (parts_.link->unacked_batches() > 0) {
    spdlog::warn("{} batches were not acknowledged before the end", parts_.link->unacked_batches());
  }
  parts_.link->FinishSending();
}

bool RolloutLoop::AnyReady() const {
  return std::any_of(ready_.begin(), ready_.end(),
                     [](const std::vector<float>& rows) { return !rows.empty(); });
}

std::string RolloutLoop::WaitingFor(Counter** counter) const {
  const std::string learner = absl::StrCat("waits for learner ", parts_.learner_address, ": ");
  *counter = &parts_.metrics->wait_env;
  if (const auto opening = parts_.pool->opening_addresses();
      parts_.pool->open_sessions() == 0 && !opening.empty()) {
    return absl::StrCat("waits for env servers ", absl::StrJoin(opening, ","),
                        " to open sessions, which may take ", v1::ENV_LIMIT_START_S,
                        " s where they have to make environments");
  }
  if (parts_.pool->open_sessions() == 0) {
    return absl::StrCat("waits for env servers ", parts_.directory->written(), ": ",
                        parts_.pool->last_failure());
  }
  if (!AnyReady()) return "waits for env servers to answer";
  *counter = &parts_.metrics->wait_learner;
  if (!parts_.link->connected()) return learner + parts_.link->last_failure();
  if (!parts_.runner->CanAct(parts_.store->newest())) return learner + "no policy yet";
  if (Room() <= 0) {
    return absl::StrCat(learner, parts_.link->unacked_batches(), " batches are not acknowledged");
  }
  *counter = &parts_.metrics->wait_grant;
  return learner + "no grant to collect";
}

void RolloutLoop::Wait() {
  const absl::Time begin = SteadyTime();
  if (std::exchange(stepped_, false)) parts_.health->Progress(begin);
  Counter* counter = nullptr;
  const std::string waiting = WaitingFor(&counter);
  parts_.health->Waits(waiting);
  absl::Time deadline = std::min(parts_.link->NextDeadline(), parts_.pool->NextDeadline());
  if (parts_.link->connected() && parts_.pool->open_sessions() > 0) {
    wait_log_.Begin(begin);
  } else {  // Waiting for no peer.
    wait_log_.Tell(waiting, begin);
    deadline = std::min(deadline, wait_log_.next());
  }
  if (Room() > 0) deadline = std::min(deadline, parts_.collector->NextDeadline());
  parts_.signal->WaitUntil(deadline);
  counter->Increment(absl::ToDoubleSeconds(SteadyTime() - begin));
}

}  // namespace armature
