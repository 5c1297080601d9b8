#include "learner/run/run_directory.h"

#include <cmath>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/files/atomic_file.h"
#include "learner/run/run_folder.h"
#include "learner/run/run_videos.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr uint64_t kVersionsReservedAtOnce = 1000;
constexpr char kProgress[] = "/progress.csv";
constexpr char kEvaluations[] = "/evaluations.csv";

absl::Status CannotMove(const fs::path& path, const std::error_code& error) {
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot move ", path.string()));
}

std::string NewRunId() {
  std::random_device device;
  return absl::StrFormat("%08x%08x", device(), device());
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunDirectory>> RunDirectory::Open(const std::string& path,
                                                                 const std::string& name) {
  if (const auto made = MakeFolder(path); !made.ok()) return made.status();
  absl::StatusOr<RunLock> lock = RunLock::Take(path, RunLock::kLearner);
  if (!lock.ok()) return lock.status();
  for (const char* folder : {"/checkpoints", "/models"}) {
    if (const auto made = MakeFolder(path + folder); !made.ok()) return made.status();
    RemoveTemporaries(path + folder);
  }
  absl::StatusOr<Identity> identity = ReadIdentity(path + "/run.json");
  const bool is_new = absl::IsNotFound(identity.status());
  if (is_new) {
    identity = Identity{NewRunId(), name, RunStamp(absl::Now()), 0, false};
  } else if (!identity.ok()) {
    return identity.status();
  }
  absl::StatusOr<CsvLog> progress = CsvLog::Open(path + kProgress);
  if (!progress.ok()) return progress.status();
  absl::StatusOr<CsvLog> evaluations = CsvLog::Open(path + kEvaluations);
  if (!evaluations.ok()) return evaluations.status();
  auto directory = std::unique_ptr<RunDirectory>(
      new RunDirectory(path, *std::move(lock), is_new, *std::move(identity), *std::move(progress),
                       *std::move(evaluations)));
  if (absl::Status status = directory->WriteRunFile(); !status.ok()) return status;
  return directory;
}

absl::StatusOr<RunDirectory::Identity> RunDirectory::ReadIdentity(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  try {
    const Json run = Json::parse(*text);
    return Identity{run.at("run_id").get<std::string>(), run.value("name", ""),
                    run.value("begun", ""), run.at("policy_versions_reserved").get<uint64_t>(),
                    run.value("has_checkpointed", false)};
  } catch (const Json::exception& error) {
    return absl::DataLossError(absl::StrCat(path, " is damaged"));
  }
}

RunDirectory::RunDirectory(std::string path, RunLock lock, bool is_new, Identity identity,
                           CsvLog progress, CsvLog evaluations)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      is_new_(is_new),
      identity_(std::move(identity)),
      policy_versions_used_(identity_.policy_versions_reserved),
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

absl::StatusOr<std::string> RunDirectory::PutAside() {
  std::vector<fs::path> moved;
  std::error_code error;
  for (const char* folder : {"", "/models", "/checkpoints", kVideosFolder}) {
    for (const auto& entry : fs::directory_iterator(path_ + folder, error)) {
      const std::string name = entry.path().filename();
      const bool is_events = absl::StartsWith(name, "events.out.tfevents.") &&
                             !(events_ && entry.path() == fs::path(events_->path()));
      const bool is_state = *folder != '\0' && absl::EndsWith(name, ".safetensors");
      const bool is_video = folder == kVideosFolder;
      if (is_events || is_state || is_video || "/" + name == kProgress ||
          "/" + name == kEvaluations) {
        moved.push_back(entry.path());
      }
    }
  }
  if (moved.empty()) return "";
  int n = 1;
  while (fs::exists(absl::StrCat(path_, "/earlier_", n), error)) ++n;
  const std::string aside = absl::StrCat(path_, "/earlier_", n);
  for (const fs::path& from : moved) {
    const fs::path to = aside / from.lexically_relative(path_);
    if (const auto made = MakeFolder(to.parent_path()); !made.ok()) return made.status();
    fs::rename(from, to, error);
    if (error) return CannotMove(from, error);
  }
  for (auto [log, name] : {std::pair{&progress_, kProgress}, {&evaluations_, kEvaluations}}) {
    absl::StatusOr<CsvLog> begun = CsvLog::Open(path_ + name);
    if (!begun.ok()) return begun.status();
    *log = *std::move(begun);
  }
  const absl::Status status = events_ ? events_->AppendStart(0, absl::Now()) : absl::OkStatus();
  if (!status.ok()) return status;
  return aside;
}

absl::Status RunDirectory::ReservePolicyVersion(uint64_t version) {
  if (version <= identity_.policy_versions_reserved) return absl::OkStatus();
  identity_.policy_versions_reserved = version + kVersionsReservedAtOnce;
  return WriteRunFile();
}

absl::Status RunDirectory::ReleasePolicyVersionsAfter(uint64_t last) {
  if (last >= identity_.policy_versions_reserved) return absl::OkStatus();
  identity_.policy_versions_reserved = last;
  return WriteRunFile();
}

absl::Status RunDirectory::NoteCheckpoint() {
  if (identity_.has_checkpointed) return absl::OkStatus();
  identity_.has_checkpointed = true;
  return WriteRunFile();
}

absl::Status RunDirectory::WriteRunFile() const {
  nlohmann::ordered_json run;
  run["run_id"] = identity_.run_id;
  run["name"] = identity_.name;
  run["begun"] = identity_.begun;
  run["policy_versions_reserved"] = identity_.policy_versions_reserved;
  run["has_checkpointed"] = identity_.has_checkpointed;
  return WriteDurably(path_ + "/run.json", run.dump(2) + "\n");
}

absl::Status RunDirectory::WriteConfig(const std::string& yaml) {
  return WriteDurably(path_ + "/config.yaml", yaml);
}

absl::Status RunDirectory::KeepEarlierResult() {
  const std::string path = path_ + "/result.json";
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  const Json result = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!result.is_object() || !result.contains("env_steps")) {
    return absl::DataLossError(absl::StrCat(path, " is damaged"));
  }
  std::error_code error;
  fs::rename(path, absl::StrCat(path_, "/result_", result["env_steps"].dump(), ".json"), error);
  return error ? CannotMove(path, error) : absl::OkStatus();
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
  json["settings"] = result.settings;
  // A failure here must not cost the result.
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
    row.emplace_back(tag, value);
    if (std::isfinite(value)) finite.emplace(tag, value);
  }
  absl::Status status = csv->Append(row);
  if (events_) status.Update(events_->Append(finite, static_cast<int64_t>(env_steps), now));
  return status;
}

}  // namespace armature
