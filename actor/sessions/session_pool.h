// Keeps all training sessions of an actor open, on as many env servers as there
// are.
//
// The actor's slots are cut once, at the start, into shards of whole groups; each
// shard is one session. There is a shard a server, and where the list of servers can
// change at least kShardsMin, so that a server that is added finds something to take.
// A shard has a home server (home_assignment.h) and is opened there; while the home
// does not answer it tries the others. A shard away from home, or whose home has
// become another, moves there once there is room: one shard at a time, between
// episodes where all of its slots stand there within kEpisodeGrace. A lost shard is
// reopened with back-off (between rounds, once it asks all servers in turn); the
// others go on meanwhile.
// Groups are numbered over all shards: group g of shard s is s * num_groups + g.
// Data flow: Poll -> steps -> (policy) -> Act.
// Thread safety: compatible; the signal is notified when Poll has something.
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

// num_envs slots in num_groups groups, cut for `num_servers` servers: slots of
// each shard, all multiples of num_groups, none zero, equal but for one group.
std::vector<int64_t> CutShards(int64_t num_envs, int64_t num_groups, int64_t num_servers);

class SessionPool {
 public:
  // A shard away from home looks whether its home has room this often, and goes
  // elsewhere when the home has been silent for so long.
  static constexpr absl::Duration kHomeProbePeriod = absl::Seconds(5);
  static constexpr absl::Duration kHomeGrace = absl::Seconds(3);
  static constexpr absl::Duration kEpisodeGrace = absl::Seconds(30);
  static constexpr int64_t kShardsMin = 8;

  struct Options {
    ActorIdentity identity;
    EnvSpec spec;
    std::map<std::string, std::string> env_config;
    int64_t num_envs = 1;
    int64_t num_groups = 1;  // Divides num_envs.
    uint64_t run_seed = 0;
    uint64_t life = 0;  // As ActorSeed's.
    // Whether shards move, which ends their episodes.
    bool moves = true;
  };
  // The others must outlive the pool.
  SessionPool(const Options& options, ServerDirectory* directory, ChannelPool* channels,
              ActorMetrics* metrics, WakeSignal* signal);

  struct GroupLayout {
    int64_t first_slot;  // The actor's number of the group's slot 0.
    int64_t size;        // Slots.
  };
  const std::vector<GroupLayout>& groups() const { return groups_; }

  struct GroupStep {
    size_t group;
    DecodedStep step;  // Step 0: the group begins anew.
  };
  struct Received {
    std::vector<GroupStep> steps;
    std::vector<size_t> lost;  // Groups whose session is gone; they will begin anew.
  };
  // Drives reconnects and heartbeats. A lost group has no step in the same answer.
  Received Poll(absl::Time now);

  // Whether the last step of `group` is not to be answered: its shard is about to move.
  bool Holds(size_t group) const;

  // Answers the last step of a group that is neither lost nor held.
  void Act(size_t group, absl::Span<const float> actions);

  // Lets all slots of such a group begin anew, seeded from `seed` and their numbers
  // alone; its step 0 answers.
  void Reset(size_t group, uint64_t seed);

  // When Poll must be called at the latest.
  absl::Time NextDeadline() const;

  int64_t open_sessions() const;
  // Addresses of the open sessions, and of those that are being opened; each once.
  std::vector<std::string> open_addresses() const { return AddressesOf(/*opened=*/true); }
  std::vector<std::string> opening_addresses() const { return AddressesOf(/*opened=*/false); }
  // Since when no session is open; unset while one is.
  std::optional<absl::Time> none_since() const { return none_since_; }
  // The last failure, as one sentence.
  const std::string& last_failure() const { return last_failure_; }
  // Not OK when every server of the directory refuses for good.
  absl::Status refusal() const;

 private:
  struct Shard {
    int64_t first_slot = 0;
    int64_t num_envs = 0;
    std::string home;
    std::unique_ptr<EnvSession> session;
    bool stepped = false;  // The session has answered an action.
    bool ever_open = false;
    uint64_t generation = 0;  // Sessions opened before.
    absl::Time lost_at;
    absl::Time next_attempt;  // While there is no session.
    size_t attempts = 0;      // Failed ones since it was lost.
    size_t rotation = 1;      // Servers after home, once the home's grace is over.
    Backoff backoff;
    absl::Time next_probe;  // While away from home.
    // Given: it is to move, then at the latest.
    std::optional<absl::Time> move_deadline;
    std::unique_ptr<UnaryCall<v1::DescribeRequest, v1::DescribeResponse>> probe;

    explicit Shard(uint64_t seed) : backoff(seed) {}
  };

  std::vector<std::string> AddressesOf(bool opened) const;
  void AssignShards(absl::Time now);
  std::string NextAddress(size_t shard, absl::Time now) const;
  // Of a shard that was lost or could not be opened.
  absl::Time NextAttempt(Shard* shard, absl::Time now) const;
  void TryOpen(size_t shard, absl::Time now);
  void PollShard(size_t shard, absl::Time now, Received* received);
  void OnOpened(Shard* shard, absl::Time now);
  void OnFailure(size_t shard, std::string address, const absl::Status& status, absl::Time now);
  bool away(const Shard& shard) const;
  // Whether some shard is on its way or asks its home: another one must wait.
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
  // By group: its last step is not answered and all slots stand between two episodes.
  std::vector<bool> between_episodes_;
  std::vector<Shard> shards_;
  std::vector<std::string> ranked_;  // The directory's servers, from RankServers.
  uint64_t directory_version_ = 0;
  std::map<std::string, absl::Status> refusals_;  // Permanent ones, by address.
  std::optional<absl::Time> none_since_;
  std::string last_failure_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_SESSIONS_SESSION_POOL_H_
