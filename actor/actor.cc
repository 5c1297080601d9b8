#include "actor/actor.h"

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "actor/act/policy_runner.h"
#include "actor/act/policy_store.h"
#include "actor/collect/action_source.h"
#include "actor/collect/trajectory_collector.h"
#include "actor/collect/transition_collector.h"
#include "actor/collect/turn_collector.h"
#include "actor/evaluator.h"
#include "actor/link/learner_link.h"
#include "actor/rollout_loop.h"
#include "actor/sessions/session_pool.h"
#include "actor/status/actor_identity.h"
#include "common/sync/steady_time.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

// Streams of the actor's own seed; sessions use 0, 1, 2 ...
constexpr uint64_t kPolicyStream = uint64_t{1} << 32;
constexpr uint64_t kEvaluatorStream = kPolicyStream + 1;

std::unique_ptr<Collector> MakeCollector(const JoinedRun& run, const SessionPool& pool,
                                         const std::shared_ptr<const ActionSource>& actions) {
  std::vector<Collector::Group> groups;
  for (const SessionPool::GroupLayout& group : pool.groups()) {
    groups.push_back({group.first_slot, group.size});
  }
  if (run.response.in_rounds()) {
    TurnCollector::Options options;
    options.trajectories = run.response.collect_mode() == v1::COLLECT_MODE_TRAJECTORIES;
    options.env = run.spec;
    options.turn_length = run.response.unroll_length();
    options.actions = actions;
    return std::make_unique<TurnCollector>(groups, options);
  }
  if (run.response.collect_mode() == v1::COLLECT_MODE_TRAJECTORIES) {
    return std::make_unique<TrajectoryCollector>(groups, run.spec, run.response.unroll_length());
  }
  return std::make_unique<TransitionCollector>(groups, run.spec, actions,
                                               run.response.transitions_per_batch());
}

}  // namespace

Actor::Actor(const ActorOptions& options, ActorMetrics* metrics)
    : options_(options), metrics_(metrics), health_(SteadyTime()) {}

void Actor::Stop() {
  stopping_.store(true);
  signal_.Notify();
}

absl::Status Actor::Run(const std::function<void(const std::string&)>& on_ready) {
  const auto directory = ServerDirectory::Open(options_.env_servers, &signal_);
  if (!directory.ok()) return directory.status();
  ChannelPool channels(options_.transport);
  const auto learner = MakeChannel(options_.learner, options_.transport);
  if (!learner.ok()) return learner.status();

  JoinRunOptions join;
  join.learner_address = options_.learner;
  join.learner = *learner;
  join.identity = {options_.name, options_.incarnation, ""};
  join.connect_timeout = options_.connect_timeout;
  join.on_wait = [this](const std::string& sentence) { health_.Waits(sentence); };
  bool told_ready = false;
  const auto tell_ready = [&](const std::string& line) {
    if (!std::exchange(told_ready, true)) on_ready(line);
  };
  for (;;) {
    const auto run = JoinRun(join, directory->get(), &channels, &stopping_, &signal_);
    if (absl::IsCancelled(run.status()) && stopping_.load()) return absl::OkStatus();
    if (!run.ok()) return run.status();
    const absl::StatusOr<std::string> change =
        Live(*run, *learner, directory->get(), &channels, tell_ready);
    if (!change.ok() || change->empty()) return change.status();
    spdlog::warn(
        "learner {} has other settings than this actor joined with ({}); the actor begins "
        "anew with them",
        options_.learner, *change);
    // Batches are numbered from 1 again.
    join.identity = {options_.name, NewIncarnation(), run->identity.run_id};
    join.connect_timeout = options_.reconnect_timeout;
  }
}

absl::StatusOr<std::string> Actor::Live(const JoinedRun& run,
                                        const std::shared_ptr<grpc::Channel>& learner,
                                        ServerDirectory* directory, ChannelPool* channels,
                                        const std::function<void(const std::string&)>& on_ready) {
  const v1::JoinResponse& response = run.response;
  const uint64_t life = response.in_rounds() ? 0 : run.identity.incarnation;
  const std::map<std::string, double> parameters(response.parameters().begin(),
                                                 response.parameters().end());
  const auto store = PolicyStore::Create(response.policy(), options_.device, parameters);
  if (!store.ok()) return store.status();
  const auto actions = MakeActionSource(response.stored_action(), run.spec);
  if (!actions.ok()) {
    return absl::Status(actions.status().code(), absl::StrCat("learner ", options_.learner, ": ",
                                                              actions.status().message()));
  }
  auto make_runner = [&](uint64_t stream, const v1::Exploration& exploration) {
    return PolicyRunner::Create(
        {run.spec, response.policy(), exploration, response.num_envs(), options_.device,
         ActorSeed(response.seed(), options_.name, life, stream), response.in_rounds()});
  };
  const auto runner = make_runner(kPolicyStream, response.exploration());
  if (!runner.ok()) return runner.status();
  auto evaluator_runner = make_runner(kEvaluatorStream, v1::Exploration());
  if (!evaluator_runner.ok()) return evaluator_runner.status();

  Evaluator evaluator({run.identity, run.spec, run.env_config}, learner, directory, channels,
                      store->get(), *std::move(evaluator_runner), metrics_);
  SessionPool::Options pool_options;
  pool_options.identity = run.identity;
  pool_options.spec = run.spec;
  pool_options.env_config = run.env_config;
  pool_options.num_envs = response.num_envs();
  pool_options.num_groups = response.num_groups();
  pool_options.run_seed = response.seed();
  pool_options.life = life;
  pool_options.moves = !response.in_rounds();
  pool_options.parameters = parameters;
  SessionPool pool(pool_options, directory, channels, metrics_, &signal_);
  const std::unique_ptr<Collector> collector = MakeCollector(run, pool, *actions);
  LearnerLink link(
      {options_.learner, run.identity, run.spec, directory}, learner, response, store->get(),
      metrics_, [&evaluator](const v1::EvaluationRequest& request) { evaluator.Submit(request); },
      &signal_);

  RolloutLoop::Parts parts;
  parts.learner_address = options_.learner;
  parts.actor_name = options_.name;
  parts.takes_turns = response.in_rounds();
  parts.reconnect_timeout = options_.reconnect_timeout;
  parts.flush_timeout = kFlushTimeout;
  parts.directory = directory;
  parts.link = &link;
  parts.pool = &pool;
  parts.collector = collector.get();
  parts.runner = runner->get();
  parts.store = store->get();
  parts.evaluator = &evaluator;
  parts.metrics = metrics_;
  parts.health = &health_;
  parts.signal = &signal_;
  parts.stopping = &stopping_;
  const absl::Status status = RolloutLoop(parts).Run([&] {
    on_ready(absl::StrCat("actor ", options_.name, " ready: learner ", options_.learner, ", ",
                          response.num_envs(), " envs of ", run.spec.id, " on ",
                          absl::StrJoin(pool.open_addresses(), ","), ", device ",
                          options_.device.str()));
  });
  if (!status.ok()) return status;
  if (stopping_.load() || link.run_over()) return std::string();
  return link.settings_change();
}

}  // namespace armature
