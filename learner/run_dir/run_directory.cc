#include "learner/run_dir/run_directory.h"

#include <cmath>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "learner/checkpoint/atomic_file.h"
#include "learner/run_dir/run_folder.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kVersionsReservedAtOnce = 1000;

std::string NewRunId() {
  std::random_device device;
  return absl::StrFormat("%08x%08x", device(), device());
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunDirectory>> RunDirectory::Open(const std::string& path) {
  for (const std::string& folder : {path + "/checkpoints", path + "/models"}) {
    if (const auto made = MakeFolder(folder); !made.ok()) return made.status();
    RemoveTemporaries(folder);
  }
  std::string run_id = NewRunId();
  uint64_t versions_used = 0;
  const absl::StatusOr<std::string> before = ReadWholeFile(path + "/run.json");
  if (before.ok()) {
    const Json run = Json::parse(*before, nullptr, /*allow_exceptions=*/false);
    if (!run.is_object() || !run.contains("run_id") || !run["run_id"].is_string() ||
        !run.contains("policy_versions_reserved") ||
        !run["policy_versions_reserved"].is_number_unsigned()) {
      return absl::DataLossError(absl::StrCat(path, "/run.json is damaged"));
    }
    run_id = run["run_id"];
    versions_used = run["policy_versions_reserved"];
  } else if (!absl::IsNotFound(before.status())) {
    return before.status();
  }
  absl::StatusOr<CsvLog> progress = CsvLog::Open(path + "/progress.csv");
  if (!progress.ok()) return progress.status();
  absl::StatusOr<CsvLog> evaluations = CsvLog::Open(path + "/evaluations.csv");
  if (!evaluations.ok()) return evaluations.status();
  auto directory = std::unique_ptr<RunDirectory>(
      new RunDirectory(path, /*is_new=*/!before.ok(), std::move(run_id), versions_used,
                       *std::move(progress), *std::move(evaluations)));
  if (absl::Status status = directory->WriteRunFile(); !status.ok()) return status;
  return directory;
}

RunDirectory::RunDirectory(std::string path, bool is_new, std::string run_id,
                           uint64_t policy_versions_used, CsvLog progress, CsvLog evaluations)
    : path_(std::move(path)),
      is_new_(is_new),
      run_id_(std::move(run_id)),
      policy_versions_used_(policy_versions_used),
      policy_versions_reserved_(policy_versions_used),
      progress_(std::move(progress)),
      evaluations_(std::move(evaluations)) {}

absl::Status RunDirectory::WriteEvents(absl::Time now) {
  events_.emplace(path_, now);
  return is_new_ ? events_->AppendStart(0, now) : absl::OkStatus();
}

absl::Status RunDirectory::LogSettings(const std::map<std::string, std::string>& settings,
                                       absl::Time now) {
  return events_ ? events_->AppendSettings(settings, now) : absl::OkStatus();
}

absl::Status RunDirectory::GoOnFrom(uint64_t env_steps) {
  absl::Status status = progress_.DropAfter("env_steps", static_cast<double>(env_steps));
  status.Update(evaluations_.DropAfter("env_steps", static_cast<double>(env_steps)));
  if (events_) {
    status.Update(events_->AppendStart(static_cast<int64_t>(env_steps) + 1, absl::Now()));
  }
  return status;
}

absl::Status RunDirectory::ReservePolicyVersion(uint64_t version) {
  if (version <= policy_versions_reserved_) return absl::OkStatus();
  policy_versions_reserved_ = version + kVersionsReservedAtOnce;
  return WriteRunFile();
}

absl::Status RunDirectory::WriteRunFile() const {
  const Json run = {{"run_id", run_id_}, {"policy_versions_reserved", policy_versions_reserved_}};
  return WriteDurably(path_ + "/run.json", run.dump(2) + "\n");
}

absl::Status RunDirectory::WriteConfig(const std::string& yaml) {
  return WriteDurably(path_ + "/config.yaml", yaml);
}

absl::Status RunDirectory::WriteResult(const RunResult& result) {
  nlohmann::ordered_json json;
  json["target_reached"] = result.target_reached;
  json["success_rate"] = result.success_rate;  // NaN becomes null.
  json["return_mean"] = result.return_mean;
  json["env_steps"] = result.env_steps;
  json["learner_steps"] = result.learner_steps;
  json["wall_s"] = result.wall_s;
  json["policy_version"] = result.policy_version;
  json["reason"] = result.reason;
  // The curves are not worth the result.
  if (events_) events_->AppendEnd(absl::Now()).IgnoreError();
  return WriteDurably(path_ + "/result.json", json.dump(2) + "\n");
}

absl::Status RunDirectory::LogProgress(const std::map<std::string, double>& scalars,
                                       uint64_t env_steps, double wall_s, absl::Time now) {
  return Log(scalars, env_steps, wall_s, now, &progress_);
}

absl::Status RunDirectory::LogEvaluation(const std::map<std::string, double>& scalars,
                                         uint64_t env_steps, double wall_s, absl::Time now) {
  return Log(scalars, env_steps, wall_s, now, &evaluations_);
}

absl::Status RunDirectory::Log(const std::map<std::string, double>& scalars, uint64_t env_steps,
                               double wall_s, absl::Time now, CsvLog* csv) {
  CsvLog::Row row = {{"env_steps", static_cast<double>(env_steps)}, {"wall_s", wall_s}};
  std::map<std::string, double> finite;
  for (const auto& [tag, value] : scalars) {
    if (!std::isfinite(value)) continue;
    row.emplace_back(tag, value);
    finite.emplace(tag, value);
  }
  absl::Status status = csv->Append(row);
  if (events_) status.Update(events_->Append(finite, static_cast<int64_t>(env_steps), now));
  return status;
}

}  // namespace armature
