// Who may take part in the run, and in which environment: the answers to Join.
//
// The learner simulates nothing, so it learns the environment's spec from the
// first actor that joins with one; from then on (and from the start of a resumed
// run) every other spec is refused.
// Whoever has joined with the spec may open streams, subscribe and report. Bounds:
// kJoinedMax actor processes are remembered; one that joined before them joins again.
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_SERVICE_ADMISSION_H_
#define ARMATURE_LEARNER_SERVICE_ADMISSION_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "common/sync/wake_signal.h"
#include "learner/intake/actor_key.h"
#include "learner/intake/experience_intake.h"
#include "proto/learner_service.pb.h"

namespace armature {

// What batches look like in such a run.
ExperienceSchema MakeExperienceSchema(const RunConfig& config, const EnvSpec& env);

class Admission {
 public:
  static constexpr size_t kJoinedMax = 20000;

  // None is owned. `trainer` is told when the spec becomes known.
  Admission(const RunConfig& config, std::string run_id, ExperienceIntake* intake,
            WakeSignal* trainer);

  // Before the service starts, on a resumed run.
  // OK; InvalidArgument: the algorithm cannot learn it.
  absl::Status SetSpec(const EnvSpec& spec);

  // OK; FailedPrecondition: protocol version, run id, environment or spec differ,
  // or the algorithm cannot learn such an environment (the message says how);
  // InvalidArgument: the handshake or the spec breaks its rules.
  absl::StatusOr<v1::JoinResponse> Join(const v1::JoinRequest& request);

  // Whether an experience stream may open; errors as CheckJoined.
  absl::Status CheckOpen(const v1::OpenExperience& open) const;
  // OK; FailedPrecondition: it has not joined this process with its spec; else as Join.
  absl::Status CheckJoined(const v1::Handshake& handshake) const;

  std::optional<EnvSpec> spec() const;
  const std::string& run_id() const { return run_id_; }

 private:
  absl::Status Adopt(const EnvSpec& spec) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remember(const ActorKey& actor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RunConfig config_;
  const std::string run_id_;
  const uint64_t incarnation_;
  ExperienceIntake* const intake_;
  WakeSignal* const trainer_;

  mutable absl::Mutex mutex_;
  std::optional<EnvSpec> spec_ ABSL_GUARDED_BY(mutex_);
  v1::PolicySpec policy_ ABSL_GUARDED_BY(mutex_);
  std::set<ActorKey> joined_ ABSL_GUARDED_BY(mutex_);
  std::deque<ActorKey> joined_order_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_ADMISSION_H_
