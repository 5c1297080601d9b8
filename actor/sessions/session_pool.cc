#include "actor/sessions/session_pool.h"

#include <algorithm>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "actor/sessions/home_assignment.h"
#include "common/rpc_client/refusal.h"
#include "common/sync/steady_time.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr absl::Duration kProbeTimeout = absl::Seconds(2);
// Retry time while there are no addresses; the directory's signal ends the wait earlier.
constexpr absl::Duration kEmptyDirectoryRetry = absl::Seconds(1);

}  // namespace

std::vector<int64_t> CutShards(int64_t num_envs, int64_t num_groups, int64_t num_servers) {
  const int64_t units = num_envs / num_groups;
  const int64_t shards = std::clamp<int64_t>(num_servers, 1, units);
  std::vector<int64_t> sizes(shards, units / shards * num_groups);
  for (int64_t i = 0; i < units % shards; ++i) sizes[i] += num_groups;
  return sizes;
}

SessionPool::SessionPool(const Options& options, ServerDirectory* directory, ChannelPool* channels,
                         ActorMetrics* metrics, WakeSignal* signal)
    : options_(options),
      directory_(directory),
      channels_(channels),
      metrics_(metrics),
      signal_(signal),
      spec_hash_(SpecHash(options.spec)),
      parameters_(options.parameters),
      none_since_(SteadyTime()) {
  int64_t first_slot = 0;
  const int64_t num_servers = static_cast<int64_t>(directory->addresses().size());
  const std::vector<int64_t> sizes =
      CutShards(options.num_envs, options.num_groups,
                directory->can_change() ? std::max(num_servers, kShardsMin) : num_servers);
  for (size_t i = 0; i < sizes.size(); ++i) {
    shards_.emplace_back(options.identity.incarnation + i);
    shards_[i].first_slot = first_slot;
    shards_[i].num_envs = sizes[i];
    shards_[i].lost_at = *none_since_;
    const int64_t group_size = sizes[i] / options.num_groups;
    for (int64_t group = 0; group < options.num_groups; ++group) {
      groups_.push_back({first_slot, group_size});
      first_slot += group_size;
    }
  }
  between_episodes_.resize(groups_.size());
  AssignShards(*none_since_);
}

void SessionPool::AssignShards(absl::Time now) {
  directory_version_ = directory_->version();
  ranked_ = RankServers(options_.identity.name, directory_->addresses());
  std::vector<std::string> homes;
  for (const Shard& shard : shards_) homes.push_back(shard.home);
  homes = AssignHomes(ranked_, homes);
  for (size_t i = 0; i < shards_.size(); ++i) {
    Shard& shard = shards_[i];
    if (shard.home == homes[i]) continue;
    shard.home = homes[i];
    shard.move_deadline.reset();
    shard.next_probe = now;
    if (shard.session != nullptr) continue;
    shard.lost_at = now;
    shard.rotation = 1;
  }
}

std::string SessionPool::NextAddress(size_t shard, absl::Time now) const {
  const Shard& state = shards_[shard];
  if (ranked_.empty() || now - state.lost_at < kHomeGrace) return state.home;
  const size_t home = std::find(ranked_.begin(), ranked_.end(), state.home) - ranked_.begin();
  return ranked_[(home + state.rotation) % ranked_.size()];
}

absl::Time SessionPool::NextAttempt(Shard* shard, absl::Time now) const {
  const absl::Time grace_end = shard->lost_at + kHomeGrace;
  const size_t num_servers = ranked_.size();
  if (num_servers < 2) return now + shard->backoff.Next();
  if (now < grace_end) return std::min(now + shard->backoff.Next(), grace_end);
  const bool asked_all = ++shard->rotation % num_servers == 1;
  return now + (asked_all ? shard->backoff.Next() : Backoff::kMin);
}

void SessionPool::TryOpen(size_t shard, absl::Time now) {
  Shard& state = shards_[shard];
  if (state.attempts > 0) directory_->Refresh();
  const std::string address = NextAddress(shard, now);
  if (address.empty()) {
    last_failure_ = absl::StrCat("no env server: ", directory_->problem());
    state.next_attempt = now + kEmptyDirectoryRetry;
    return;
  }
  auto channel = channels_->Get(address);
  if (!channel.ok()) {
    OnFailure(shard, address, channel.status(), now);
    return;
  }
  v1::OpenSession open;
  *open.mutable_handshake() = options_.identity.handshake();
  open.set_env_id(options_.spec.id);
  open.mutable_env_config()->insert(options_.env_config.begin(), options_.env_config.end());
  open.set_num_envs(state.num_envs);
  open.set_num_groups(options_.num_groups);
  // Another seed each time: a reopened session must not repeat its first episodes.
  open.set_seed(
      ActorSeed(options_.run_seed, options_.identity.name, options_.life, state.generation));
  open.set_first_slot(state.first_slot);
  open.set_expected_spec_hash(spec_hash_);
  open.mutable_parameters()->insert(parameters_.begin(), parameters_.end());
  state.session = std::make_unique<EnvSession>(*channel, address, open, options_.spec, signal_);
  state.stepped = false;
}

void SessionPool::OnOpened(Shard* shard, absl::Time now) {
  if (shard->ever_open) metrics_->reconnects_envserver.Increment();
  shard->ever_open = true;
  ++shard->generation;
  refusals_.erase(shard->session->address());
  shard->next_probe = now + kHomeProbePeriod;
  none_since_.reset();
  spdlog::info("{} envs of {} on env server {}", shard->num_envs, options_.spec.id,
               shard->session->address());
}

void SessionPool::OnFailure(size_t shard, std::string address, const absl::Status& status,
                            absl::Time now) {
  Shard& state = shards_[shard];
  const bool was_open = state.session != nullptr && state.session->opened();
  if (was_open) state.lost_at = now;
  state.move_deadline.reset();
  // A session that has answered a step was healthy, so back-off starts over.
  if (state.stepped) {
    state.backoff.Reset();
    state.attempts = 0;
    state.rotation = 1;
  } else {
    ++state.attempts;
  }
  state.session.reset();
  state.next_attempt = NextAttempt(&state, now);
  last_failure_ = std::string(status.message());
  if (!was_open && IsPermanentRefusal(status)) {
    absl::Status& known = refusals_[address];
    if (known != status) spdlog::error("refused: {}", std::string(status.message()));
    known = status;
  } else if (was_open || state.attempts == 1) {
    spdlog::warn("{}; trying again", last_failure_);
  }
}

void SessionPool::Lose(size_t shard, Received* received) {
  const size_t first = shard * options_.num_groups;
  for (int64_t group = 0; group < options_.num_groups; ++group) {
    received->lost.push_back(first + group);
  }
}

void SessionPool::PollShard(size_t shard, absl::Time now, Received* received) {
  Shard& state = shards_[shard];
  if (state.session == nullptr) {
    if (now >= state.next_attempt) TryOpen(shard, now);
    if (state.session == nullptr) return;
  }
  const bool was_open = state.session->opened();
  EnvSession::Received taken = state.session->Poll(now);
  const bool is_open = state.session->opened();
  if (is_open && !was_open) OnOpened(&state, now);
  if (taken.ended.has_value()) {
    if (is_open) Lose(shard, received);
    OnFailure(shard, state.session->address(), *taken.ended, now);
    return;
  }
  for (DecodedStep& step : taken.steps) {
    if (step.step > 0) state.stepped = true;
    const size_t group = shard * options_.num_groups + step.group;
    between_episodes_[group] = true;
    for (int64_t slot = 0; slot < step.num_slots(); ++slot) {
      if (step.step > 0 && !step.ended(slot) && step.restarted[slot] == 0) {
        between_episodes_[group] = false;
      }
    }
    received->steps.push_back({group, std::move(step)});
  }
}

bool SessionPool::away(const Shard& shard) const {
  return shard.session != nullptr && shard.session->opened() &&
         shard.session->address() != shard.home;
}

bool SessionPool::moving() const {
  return std::any_of(shards_.begin(), shards_.end(), [](const Shard& shard) {
    return shard.session == nullptr || !shard.session->opened() || shard.probe != nullptr ||
           shard.move_deadline.has_value();
  });
}

void SessionPool::ProbeHome(size_t shard, absl::Time now) {
  Shard& state = shards_[shard];
  if (state.probe == nullptr) {
    if (!options_.moves || !away(state) || now < state.next_probe || moving()) return;
    state.next_probe = now + kHomeProbePeriod;
    auto channel = channels_->Get(state.home);
    if (!channel.ok()) return;
    const auto stub = v1::EnvService::NewStub(*channel);
    state.probe = absl::WrapUnique(new UnaryCall<v1::DescribeRequest, v1::DescribeResponse>(
        stub.get(), &v1::EnvService::Stub::async_interface::Describe, v1::DescribeRequest(),
        kProbeTimeout, signal_));
    return;
  }
  const auto answer = state.probe->Take();
  if (!answer.has_value()) return;
  state.probe.reset();
  if (!answer->ok() || (*answer)->slots_free() < state.num_envs || !away(state)) return;
  state.move_deadline = now + kEpisodeGrace;
}

bool SessionPool::MoveIsDue(size_t shard, absl::Time now) const {
  const Shard& state = shards_[shard];
  if (!state.move_deadline.has_value()) return false;
  const auto first = between_episodes_.begin() + static_cast<int64_t>(shard) * options_.num_groups;
  return now >= *state.move_deadline ||
         std::all_of(first, first + options_.num_groups, [](bool between) { return between; });
}

void SessionPool::Move(size_t shard, absl::Time now, Received* received) {
  Shard& state = shards_[shard];
  spdlog::info("{} envs move from env server {} to {}", state.num_envs, state.session->address(),
               state.home);
  Lose(shard, received);
  state.session.reset();
  state.move_deadline.reset();
  state.attempts = 0;
  state.rotation = 1;
  state.lost_at = now;
  state.next_attempt = now;
}

SessionPool::Received SessionPool::Poll(absl::Time now) {
  if (directory_->version() != directory_version_) AssignShards(now);
  Received received;
  for (size_t shard = 0; shard < shards_.size(); ++shard) {
    Received of_shard;
    ProbeHome(shard, now);
    if (MoveIsDue(shard, now)) Move(shard, now, &of_shard);
    PollShard(shard, now, &of_shard);
    if (!of_shard.lost.empty()) of_shard.steps.clear();
    for (GroupStep& step : of_shard.steps) received.steps.push_back(std::move(step));
    received.lost.insert(received.lost.end(), of_shard.lost.begin(), of_shard.lost.end());
  }
  const int64_t open = open_sessions();
  metrics_->sessions.Set(static_cast<double>(open));
  if (open == 0 && !none_since_.has_value()) none_since_ = now;
  return received;
}

bool SessionPool::Holds(size_t group) const {
  return between_episodes_[group] && shards_[group / options_.num_groups].move_deadline.has_value();
}

void SessionPool::Act(size_t group, absl::Span<const float> actions) {
  const size_t num_groups = options_.num_groups;
  between_episodes_[group] = false;
  shards_[group / num_groups].session->Act(group % num_groups, actions);
}

void SessionPool::Reset(size_t group, uint64_t seed) {
  const size_t num_groups = options_.num_groups;
  between_episodes_[group] = false;
  shards_[group / num_groups].session->Reset(group % num_groups, seed);
}

void SessionPool::SetParameters(const std::map<std::string, double>& parameters) {
  if (parameters == parameters_) return;
  parameters_ = parameters;
  for (Shard& shard : shards_) {
    if (shard.session != nullptr) shard.session->SetParameters(parameters);
  }
}

absl::Time SessionPool::NextDeadline() const {
  absl::Time next = absl::InfiniteFuture();
  const bool may_probe = options_.moves && !moving();
  for (size_t i = 0; i < shards_.size(); ++i) {
    const Shard& shard = shards_[i];
    if (shard.session == nullptr) {
      next = std::min(next, shard.next_attempt);
      continue;
    }
    next = std::min(next, shard.session->NextDeadline());
    if (may_probe && away(shard)) next = std::min(next, shard.next_probe);
    if (shard.move_deadline.has_value()) {
      next = MoveIsDue(i, absl::InfinitePast()) ? absl::InfinitePast()
                                                : std::min(next, *shard.move_deadline);
    }
  }
  return next;
}

int64_t SessionPool::open_sessions() const {
  return std::count_if(shards_.begin(), shards_.end(), [](const Shard& shard) {
    return shard.session != nullptr && shard.session->opened();
  });
}

std::vector<std::string> SessionPool::AddressesOf(bool opened) const {
  std::vector<std::string> addresses;
  for (const Shard& shard : shards_) {
    if (shard.session == nullptr || shard.session->opened() != opened) continue;
    const std::string& address = shard.session->address();
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
      addresses.push_back(address);
    }
  }
  return addresses;
}

absl::Status SessionPool::refusal() const {
  const std::vector<std::string> addresses = directory_->addresses();
  if (addresses.empty() || open_sessions() > 0) return absl::OkStatus();
  for (const std::string& address : addresses) {
    if (refusals_.count(address) == 0) return absl::OkStatus();
  }
  return refusals_.at(addresses.front());
}

}  // namespace armature
