// Answers Join: which actors may take part in the run, and in which environment.
//
// The learner has no simulator, so it takes the environment's spec from the first actor that joins
// with one. From then on (and from the start of a resumed run) it refuses every other spec. An
// actor that has joined with the spec may open streams, subscribe and report.
// Bounds: the last kJoinedMax actor processes are remembered; older ones must join again.
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_SERVICE_ADMISSION_H_
#define ARMATURE_LEARNER_SERVICE_ADMISSION_H_

#include <cstdint>
#include <deque>
#include <map>
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

// The format of batches in a run with `config` and `env`.
ExperienceSchema MakeExperienceSchema(const RunConfig& config, const EnvSpec& env);

class Admission {
 public:
  static constexpr size_t kJoinedMax = 20000;

  // Owns none of the arguments. Notifies `trainer` when the spec becomes known.
  Admission(const RunConfig& config, std::string run_id, ExperienceIntake* intake,
            WakeSignal* trainer);

  // For a resumed run, before the service starts. Returns InvalidArgument if the algorithm cannot
  // learn in it.
  absl::Status SetSpec(const EnvSpec& spec);

  // Returns FailedPrecondition if the protocol version, run id, environment or spec differs, or if
  // the algorithm cannot learn in the environment (the message says how); InvalidArgument if the
  // handshake or the spec is malformed.
  absl::StatusOr<v1::JoinResponse> Join(const v1::JoinRequest& request);

  // Whether an experience stream may open; same errors as CheckJoined.
  absl::Status CheckOpen(const v1::OpenExperience& open) const;
  // Returns FailedPrecondition if the actor has not joined this process with its spec; else as
  // Join.
  absl::Status CheckJoined(const v1::Handshake& handshake) const;

  // Parameters of the episodes that an actor which joins from now on begins. Until the first call
  // they are those that the configuration's curriculum starts with.
  void SetParameters(const std::map<std::string, double>& parameters);

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
  std::optional<std::map<std::string, double>> parameters_ ABSL_GUARDED_BY(mutex_);
  std::set<ActorKey> joined_ ABSL_GUARDED_BY(mutex_);
  std::deque<ActorKey> joined_order_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_ADMISSION_H_
