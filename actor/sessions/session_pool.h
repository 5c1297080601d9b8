// Keeps all training sessions of an actor open, on all available env servers.
//
// At startup the actor's slots are divided, once, into shards of whole groups; each shard is one
// session. There is one shard per server, but at least kShardsMin if the list of servers can
// change, so that a new server has something to take over.
// A shard is opened at its home server (home_assignment.h); while the home does not answer, the
// shard tries other servers. A shard that is away from home, or gets a new home, moves there once
// there is room. Shards move one at a time: between episodes, or after kEpisodeGrace if their slots
// are not between episodes together by then.
// A lost shard is reopened with back-off: after each attempt at its home, and later each time that
// it has asked all servers. The other shards continue.
// Groups are numbered over all shards: group g of shard s is s * num_groups + g.
// Data flow: Poll -> steps -> (policy) -> Act.
// Thread safety: compatible; `signal` is notified when Poll has something.
#ifndef ARMATURE_ACTOR_SESSIONS_SESSION_POOL_H_
#define ARMATURE_ACTOR_SESSIONS_SESSION_POOL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "actor/status/actor_identity.h"
#include "actor/status/actor_metrics.h"
#include "common/env_client/env_session.h"
#include "common/env_client/server_directory.h"
#include "common/rpc_client/backoff.h"
#include "common/rpc_client/channel_pool.h"
#include "common/rpc_client/unary_call.h"
#include "common/sync/wake_signal.h"

namespace armature {

// Divides num_envs slots in num_groups groups over `num_servers` servers. Returns the slots of each
// shard: multiples of num_groups, never zero, equal except for one group.
std::vector<int64_t> CutShards(int64_t num_envs, int64_t num_groups, int64_t num_servers);

class SessionPool {
 public:
  // A shard away from home checks for room there every kHomeProbePeriod. A shard goes elsewhere
  // once its home has been silent for kHomeGrace.
  static constexpr absl::Duration kHomeProbePeriod = absl::Seconds(5);
  static constexpr absl::Duration kHomeGrace = absl::Seconds(3);
  static constexpr absl::Duration kEpisodeGrace = absl::Seconds(30);
  static constexpr int64_t kShardsMin = 8;

  struct Options {
    ActorIdentity identity;
    EnvSpec spec;
    std::map<std::string, std::string> env_config;
    int64_t num_envs = 1;
    int64_t num_groups = 1;  // Must divide num_envs.
    uint64_t run_seed = 0;
    uint64_t life = 0;  // See ActorSeed.
    // Whether shards may move, which ends their episodes.
    bool moves = true;
    // Of the first episodes, by name; see SetParameters.
    std::map<std::string, double> parameters;
  };
  // The pointers must outlive the pool.
  SessionPool(const Options& options, ServerDirectory* directory, ChannelPool* channels,
              ActorMetrics* metrics, WakeSignal* signal);

  struct GroupLayout {
    int64_t first_slot;  // The actor's number for the group's slot 0.
    int64_t size;        // Number of slots.
  };
  const std::vector<GroupLayout>& groups() const { return groups_; }

  struct GroupStep {
    size_t group;
    DecodedStep step;  // Step 0: the group starts over.
  };
  struct Received {
    std::vector<GroupStep> steps;
    std::vector<size_t> lost;  // Groups whose session is lost; they will start over.
  };
  // Advances reconnects and heartbeats. A group that is lost has no step in the same result.
  Received Poll(absl::Time now);

  // Whether the last step of `group` must not be answered because its shard is about to move.
  bool Holds(size_t group) const;

  // Answers the last step of a group that is neither lost nor held.
  void Act(size_t group, absl::Span<const float> actions);

  // Restarts all slots of such a group, seeded only by `seed` and their numbers. The answer is step
  // 0.
  void Reset(size_t group, uint64_t seed);

  // Sets parameters of all slots, those of sessions to come included. A slot begins its next
  // episode with the values set before the Act or Reset that begins it. Does nothing if they are
  // the present ones. Values must fit the spec.
  void SetParameters(const std::map<std::string, double>& parameters);

  // Poll must be called by this time.
  absl::Time NextDeadline() const;

  int64_t open_sessions() const;
  // Addresses of open sessions, and of sessions being opened, without repetition.
  std::vector<std::string> open_addresses() const { return AddressesOf(/*opened=*/true); }
  std::vector<std::string> opening_addresses() const { return AddressesOf(/*opened=*/false); }
  // Since when no session is open; unset while one is.
  std::optional<absl::Time> none_since() const { return none_since_; }
  // The last failure, as one sentence.
  const std::string& last_failure() const { return last_failure_; }
  // Not OK if every server of the directory permanently refuses.
  absl::Status refusal() const;

 private:
  struct Shard {
    int64_t first_slot = 0;
    int64_t num_envs = 0;
    std::string home;
    std::unique_ptr<EnvSession> session;
    bool stepped = false;  // The session has answered an action.
    bool ever_open = false;
    uint64_t generation = 0;  // Number of earlier sessions.
    absl::Time lost_at;
    absl::Time next_attempt;  // Used while there is no session.
    size_t attempts = 0;      // Failed attempts since it was lost.
    // Next server to try, counted from the home, once the home's grace is over.
    size_t rotation = 1;
    Backoff backoff;
    absl::Time next_probe;  // Used while away from home.
    // If set, the shard must move, by this time at the latest.
    std::optional<absl::Time> move_deadline;
    std::unique_ptr<UnaryCall<v1::DescribeRequest, v1::DescribeResponse>> probe;

    explicit Shard(uint64_t seed) : backoff(seed) {}
  };

  std::vector<std::string> AddressesOf(bool opened) const;
  void AssignShards(absl::Time now);
  std::string NextAddress(size_t shard, absl::Time now) const;
  // For a shard that was lost or could not be opened.
  absl::Time NextAttempt(Shard* shard, absl::Time now) const;
  void TryOpen(size_t shard, absl::Time now);
  void PollShard(size_t shard, absl::Time now, Received* received);
  void OnOpened(Shard* shard, absl::Time now);
  void OnFailure(size_t shard, std::string address, const absl::Status& status, absl::Time now);
  bool away(const Shard& shard) const;
  // Whether a shard is moving or asking its home; the others must then wait.
  bool moving() const;
  void ProbeHome(size_t shard, absl::Time now);
  bool MoveIsDue(size_t shard, absl::Time now) const;
  void Move(size_t shard, absl::Time now, Received* received);
  void Lose(size_t shard, Received* received);

  const Options options_;
  ServerDirectory* const directory_;
  ChannelPool* const channels_;
  ActorMetrics* const metrics_;
  WakeSignal* const signal_;
  const uint64_t spec_hash_;
  std::vector<GroupLayout> groups_;
  // By group: its last step is unanswered and all of its slots are between two episodes.
  std::vector<bool> between_episodes_;
  std::vector<Shard> shards_;
  std::vector<std::string> ranked_;  // The directory's servers, from RankServers.
  uint64_t directory_version_ = 0;
  std::map<std::string, double> parameters_;
  std::map<std::string, absl::Status> refusals_;  // Permanent refusals, by address.
  std::optional<absl::Time> none_since_;
  std::string last_failure_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_SESSIONS_SESSION_POOL_H_
