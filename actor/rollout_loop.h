// The main loop of an actor that has joined a run; called by Actor::Run.
//
// Thread safety: one thread; to stop it, set `stopping` and notify the signal.
#ifndef ARMATURE_ACTOR_ROLLOUT_LOOP_H_
#define ARMATURE_ACTOR_ROLLOUT_LOOP_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "actor/act/policy_runner.h"
#include "actor/act/policy_store.h"
#include "actor/collect/collector.h"
#include "actor/evaluator.h"
#include "actor/link/learner_link.h"
#include "actor/sessions/session_pool.h"
#include "actor/status/actor_metrics.h"
#include "actor/status/health_board.h"
#include "common/env_client/server_directory.h"
#include "common/env_client/step_decoder.h"
#include "common/rpc_client/wait_log.h"
#include "common/sync/wake_signal.h"

namespace armature {

class RolloutLoop {
 public:
  // What the loop works with; everything must outlive it.
  struct Parts {
    std::string learner_address;
    std::string actor_name;
    // Whether the run is reproducible: see JoinResponse.in_rounds.
    bool takes_turns = false;
    absl::Duration reconnect_timeout;
    absl::Duration flush_timeout;
    ServerDirectory* directory;
    LearnerLink* link;
    SessionPool* pool;
    Collector* collector;
    PolicyRunner* runner;
    const PolicyStore* store;
    Evaluator* evaluator;
    ActorMetrics* metrics;
    HealthBoard* health;
    WakeSignal* signal;
    const std::atomic<bool>* stopping;
  };
  explicit RolloutLoop(const Parts& parts);

  // Returns the same as Actor::Run.
  absl::Status Run(const std::function<void()>& on_ready);

 private:
  // Takes in what came from all peers. Returns an error if the actor cannot go on.
  absl::Status Receive(absl::Time now);
  absl::Status CheckPeers(absl::Time now) const;
  // In turns: returns an error if something was lost, so that the run would differ when repeated.
  absl::Status CheckUnbroken(const SessionPool::Received& from_envs) const;
  void OnStep(SessionPool::GroupStep group_step, absl::Time now);
  // Tells the learner what the actor is working on.
  void SendHeartbeat(absl::Time now);
  // Tells the runner which slots `step` has reset.
  void BeginEpisodes(int64_t first_slot, const DecodedStep& step);
  // Restarts all slots and generators if the collector says so.
  void Reseed();
  // Logs it only once.
  void CountOutOfBounds(const DecodedStep& step);
  void LogFaults(const std::vector<std::string>& faults, absl::Time now);
  // Runs one forward pass for all groups that may act.
  absl::Status ActOnReady();
  void SendExperience(std::vector<v1::ExperienceBatch> batches);
  // Sends what is left and waits for the acknowledgement.
  void Finish();

  void Wait();
  // Describes what the loop is about to wait for; sets its wait counter.
  std::string WaitingFor(Counter** counter) const;
  // How many more batches the learner accepts.
  int64_t Room() const { return parts_.link->Room(); }
  bool AnyReady() const;

  const Parts parts_;
  // By group: the observation that still needs an action, or empty.
  std::vector<std::vector<float>> ready_;
  uint64_t policy_version_ = 0;       // Last one that the evaluator was told of.
  uint64_t learner_incarnation_ = 0;  // Learner process that published it.
  uint64_t first_version_ = 0;        // First version that arrived from that learner process.
  absl::Time next_fault_line_ = absl::InfinitePast();
  int64_t faults_untold_ = 0;
  bool told_out_of_bounds_ = false;
  WaitLog wait_log_;
  bool stepped_ = false;  // Since the last wait.
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_ROLLOUT_LOOP_H_
