// The folder that a run leaves behind:
//   config.yaml          resolved configuration
//   run.json             run id, name, when it began, policy versions in use
//   progress.csv         a row every learner.log_every_s
//   events.out.tfevents.*  the same for TensorBoard, where run.type asks for it
//   evaluations.csv      a row an evaluation
//   checkpoints/         see CheckpointFolder and run_models.h
//   models/              see run_models.h
//   result.json          how it ended; result_<env_steps>.json: earlier, when it went on
//   earlier_<n>/         rows and models of a run that had no checkpoint to go on from
//   learner.lock         see RunLock
//
// Thread safety: compatible.
#ifndef ARMATURE_LEARNER_RUN_RUN_DIRECTORY_H_
#define ARMATURE_LEARNER_RUN_RUN_DIRECTORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "learner/run/csv_log.h"
#include "learner/run/event_writer.h"
#include "learner/run/run_lock.h"

namespace armature {

// How a run ended; result.json.
struct RunResult {
  bool target_reached = false;
  double success_rate = 0;  // NaN: not evaluated, or the environment reports none.
  double return_mean = 0;   // NaN: not evaluated.
  uint64_t env_steps = 0;
  uint64_t learner_steps = 0;
  double wall_s = 0;
  uint64_t policy_version = 0;  // That of models/model_final.safetensors.
  std::string reason;
  std::map<std::string, std::string> settings;  // See EndSettings.
};

class RunDirectory {
 public:
  // Goes on in `path`, which is made if it is absent, and keeps every other process from
  // writing there while the object lives. `name`: run.name of a new run.
  // Errors: as the file system says, naming the path; FailedPrecondition: another process
  // has it, see RunLock; DataLoss: run.json is damaged.
  static absl::StatusOr<std::unique_ptr<RunDirectory>> Open(const std::string& path,
                                                            const std::string& name = "");

  const std::string& path() const { return path_; }
  std::string checkpoints() const { return path_ + "/checkpoints"; }
  // Kept over resumes.
  const std::string& run_id() const { return identity_.run_id; }

  // No version up to this one may be published: a learner that was killed may
  // have published it. Fixed at opening.
  uint64_t policy_versions_used() const { return policy_versions_used_; }
  // Call before `version` is published; writes only once in many versions.
  absl::Status ReservePolicyVersion(uint64_t version);
  // `last` was published last, and nothing will be any more: the next process goes on from it.
  absl::Status ReleasePolicyVersionsAfter(uint64_t last);

  // Points for TensorBoard from here on; without it there is no event file.
  // OK; errors as EventWriter.
  absl::Status WriteEvents(absl::Time now);

  // What TensorBoard compares runs by. After WriteEvents; without it nothing happens.
  // OK; errors as EventWriter.
  absl::Status LogSettings(const std::map<std::string, std::string>& settings, absl::Time now);

  // Whether a checkpoint was ever written; NoteCheckpoint: there is one now. Errors as
  // WriteDurably.
  bool has_checkpointed() const { return identity_.has_checkpointed; }
  absl::Status NoteCheckpoint();

  // Puts aside what earlier processes of this run have written of its steps: rows, points,
  // models, states. The folder that has them; empty: there was nothing. Call after
  // WriteEvents. Errors: as the file system says, naming the path.
  absl::StatusOr<std::string> PutAside();

  // Forgets the rows and points after the checkpoint from which the run goes on: it makes
  // these steps again. Call after WriteEvents. OK; errors as CsvLog::DropAfter, EventWriter.
  absl::Status GoOnFrom(uint64_t env_steps);

  absl::Status WriteConfig(const std::string& yaml);
  // Keeps an earlier end as result_<env_steps>.json: the run is not over any more.
  // OK, also where there is none; DataLoss: it is damaged; errors as the file system says.
  absl::Status KeepEarlierResult();
  absl::Status WriteResult(const RunResult& result);

  // A row of progress.csv and a point of every scalar (named as TensorBoard has it).
  // Values that are not finite are left out.
  absl::Status LogProgress(const std::map<std::string, double>& scalars, uint64_t env_steps,
                           double wall_s, absl::Time now);
  // A row of evaluations.csv and points eval/*.
  absl::Status LogEvaluation(const std::map<std::string, double>& scalars, uint64_t env_steps,
                             double wall_s, absl::Time now);

 private:
  // What run.json holds.
  struct Identity {
    std::string run_id;
    std::string name;   // Empty: an earlier version's run.
    std::string begun;  // Local time, as YYYYMMDD-HHMMSS; the same.
    uint64_t policy_versions_reserved = 0;
    bool has_checkpointed = false;
  };
  static absl::StatusOr<Identity> ReadIdentity(const std::string& path);
  RunDirectory(std::string path, RunLock lock, bool is_new, Identity identity, CsvLog progress,
               CsvLog evaluations);
  absl::Status Log(const std::map<std::string, double>& scalars, uint64_t env_steps, double wall_s,
                   absl::Time now, CsvLog* csv);
  absl::Status WriteRunFile() const;

  const std::string path_;
  const RunLock lock_;
  const bool is_new_;  // No process before this one has had it.
  Identity identity_;
  const uint64_t policy_versions_used_;
  CsvLog progress_;
  CsvLog evaluations_;
  std::optional<EventWriter> events_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_DIRECTORY_H_
