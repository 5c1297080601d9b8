#include "learner/run_saver.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/policy/policy_wire.h"
#include "learner/policy_file.h"
#include "learner/run_dir/run_models.h"
#include "spdlog/spdlog.h"

namespace armature {

RunSaver::RunSaver(const CheckpointSection& settings, const RunDirectory* directory,
                   LearnerMetrics* metrics, absl::Time start)
    : settings_(settings),
      directory_(directory),
      metrics_(metrics),
      checkpoints_(directory->checkpoints(), settings.keep),
      next_due_(settings.every_s > 0 ? start + absl::Seconds(settings.every_s)
                                     : absl::InfiniteFuture()) {}

void RunSaver::Save(RunCheckpoint checkpoint, const v1::PolicySpec& spec,
                    const v1::PolicyUpdate* policy) {
  const absl::Time start = absl::Now();
  checkpoint.run_id = directory_->run_id();
  absl::Status status = checkpoints_.Save(checkpoint.ToFile());
  if (status.ok() && policy != nullptr) {
    status = SaveModel(absl::StrCat(policy->env_steps()), checkpoint.env, spec, *policy);
  }
  const absl::Time now = absl::Now();
  if (status.ok()) {
    metrics_->checkpoint_timestamp_seconds.Set(absl::ToUnixSeconds(now));
    metrics_->checkpoint_duration_seconds.Observe(absl::ToDoubleSeconds(now - start));
  } else {
    metrics_->checkpoint_failures.Increment();
    spdlog::error("no checkpoint: {}; training goes on", std::string(status.message()));
  }
  if (settings_.every_s > 0) next_due_ = now + absl::Seconds(settings_.every_s);
}

absl::Status RunSaver::SaveModel(const std::string& name, const EnvSpec& env,
                                 const v1::PolicySpec& spec, const v1::PolicyUpdate& policy) const {
  const absl::StatusOr<NamedTensors> tensors = DecodePolicy(policy);
  if (!tensors.ok()) return tensors.status();
  return MakePolicyFile(directory_->run_id(), env, spec, policy, *tensors)
      .Write(ModelPath(directory_->path(), name));
}

absl::StatusOr<RunCheckpoint> RunSaver::LoadNewest() const {
  absl::StatusOr<TensorFile> file = checkpoints_.LoadNewest();
  if (!file.ok()) return file.status();
  return RunCheckpoint::FromFile(*std::move(file));
}

}  // namespace armature
