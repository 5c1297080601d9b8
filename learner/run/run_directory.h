// The folder of a run:
//   config.yaml          resolved configuration
//   run.json             run id, name, start time, policy versions in use
//   progress.csv         a row every learner.log_every_s
//   events.out.tfevents.*  the same for TensorBoard, if run.type asks for it
//   evaluations.csv      a row per evaluation
//   checkpoints/         see CheckpointFolder and run_models.h
//   models/              see run_models.h
//   videos/              see run_videos.h
//   result.json          how it ended; result_<env_steps>.json: earlier ends, if it continued
//   earlier_<n>/         rows and models of a start without a checkpoint to continue from
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

// How a run ended; content of result.json.
struct RunResult {
  bool target_reached = false;
  double success_rate = 0;  // NaN: not evaluated, or not reported by the environment.
  double return_mean = 0;   // NaN: not evaluated.
  uint64_t env_steps = 0;
  uint64_t learner_steps = 0;
  double wall_s = 0;
  uint64_t policy_version = 0;  // Of models/model_final.safetensors.
  std::string reason;
  std::map<std::string, std::string> settings;  // See EndSettings.
};

class RunDirectory {
 public:
  // Opens `path`, creating it if needed, and keeps all other processes from writing there while the
  // object exists. `name` is run.name of a new run. Returns file system errors with the path;
  // FailedPrecondition if another process has the folder, see RunLock; DataLoss if run.json is
  // damaged.
  static absl::StatusOr<std::unique_ptr<RunDirectory>> Open(const std::string& path,
                                                            const std::string& name = "");

  const std::string& path() const { return path_; }
  std::string checkpoints() const { return path_ + "/checkpoints"; }
  // Stays the same over resumes.
  const std::string& run_id() const { return identity_.run_id; }

  // Versions up to this one must not be published: a learner that was killed may have done so
  // already. Fixed when opening.
  uint64_t policy_versions_used() const { return policy_versions_used_; }
  // Call before publishing `version`; writes the file only once per many versions.
  absl::Status ReservePolicyVersion(uint64_t version);
  // Call when `last` was the last version to be published. The next process continues from it.
  absl::Status ReleasePolicyVersionsAfter(uint64_t last);

  // From here on, writes points for TensorBoard; without this call there is no event file. Errors
  // as EventWriter.
  absl::Status WriteEvents(absl::Time now);

  // Logs the settings by which TensorBoard compares runs. Does nothing before WriteEvents. Errors
  // as EventWriter.
  absl::Status LogSettings(const std::map<std::string, std::string>& settings, absl::Time now);

  // Whether a checkpoint was ever written. NoteCheckpoint records that one was; errors as
  // WriteDurably.
  bool has_checkpointed() const { return identity_.has_checkpointed; }
  absl::Status NoteCheckpoint();

  // Moves the rows, points, models and states that earlier processes of this run wrote to a new
  // folder, and returns it; empty if there was nothing. Call after WriteEvents. Returns file system
  // errors with the path.
  absl::StatusOr<std::string> PutAside();

  // Removes rows and points after the checkpoint from which the run continues, since those steps
  // are made again. Call after WriteEvents. Errors as CsvLog::DropAfter and EventWriter.
  absl::Status GoOnFrom(uint64_t env_steps);

  absl::Status WriteConfig(const std::string& yaml);
  // Renames an earlier result.json to result_<env_steps>.json, as the run is not over any more.
  // Returns OK also if there is none; DataLoss if it is damaged; file system errors.
  absl::Status KeepEarlierResult();
  absl::Status WriteResult(const RunResult& result);

  // Adds a row to progress.csv and a point per scalar (named as in TensorBoard). A value that is
  // not finite is an empty cell, so that the columns are there from the first row, and no point.
  absl::Status LogProgress(const std::map<std::string, double>& scalars, uint64_t env_steps,
                           double wall_s, absl::Time now);
  // Adds a row to evaluations.csv and points eval/*.
  absl::Status LogEvaluation(const std::map<std::string, double>& scalars, uint64_t env_steps,
                             double wall_s, absl::Time now);

 private:
  // Content of run.json.
  struct Identity {
    std::string run_id;
    std::string name;   // Empty in runs of earlier versions.
    std::string begun;  // Local time, YYYYMMDD-HHMMSS; empty in runs of earlier versions.
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
  const bool is_new_;  // No earlier process has used it.
  Identity identity_;
  const uint64_t policy_versions_used_;
  CsvLog progress_;
  CsvLog evaluations_;
  std::optional<EventWriter> events_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_DIRECTORY_H_
