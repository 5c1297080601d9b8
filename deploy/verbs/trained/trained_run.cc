#include "deploy/verbs/trained/trained_run.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/run_config/load_run_config.h"
#include "learner/run/other_runs.h"
#include "learner/run/run_models.h"

namespace armature {

void AddModelFlag(CLI::App& app, std::string* model) {
  app.add_option(
      "--model", *model,
      "Which of the run's policies: final, best or the env steps of one. Default: the final "
      "one, or the newest where the run has not ended.");
}

void AddTrainedRunFlags(CLI::App& app, TrainedRunFlags* flags) {
  app.add_option("RUN key=value", flags->words,
                 "A run's directory, id or name (the newest of it), then overrides of its "
                 "configuration such as environment.config.reward_type=sparse.")
      ->required();
  AddModelFlag(app, &flags->model);
  app.add_flag("--stochastic", flags->stochastic,
               "Draw from the policy as in training, without its noise; default: the mode.");
}

absl::StatusOr<TrainedRun> LoadTrainedRun(const TrainedRunFlags& flags) {
  const std::vector<std::string>& words = flags.words;
  if (absl::StrContains(words[0], '=')) {
    return absl::InvalidArgumentError("RUN is missing: a run's directory, id or name (see --help)");
  }
  TrainedRun run;
  absl::StatusOr<std::string> path = FindNamedRun(words[0], words);
  if (!path.ok()) return path.status();
  run.path = *std::move(path);
  absl::StatusOr<RunConfig> config =
      LoadRunConfig({{words.begin() + 1, words.end()}, "", "", ""}, /*resume_dir=*/run.path);
  if (!config.ok()) return config.status();
  run.config = *std::move(config);
  absl::StatusOr<std::string> model_path = FindModel(run.path, flags.model);
  if (!model_path.ok()) return model_path.status();
  run.model_path = *std::move(model_path);
  absl::StatusOr<PolicyFile> policy = ReadPolicyFile(run.model_path);
  if (!policy.ok()) return policy.status();
  run.policy = *std::move(policy);
  return run;
}

}  // namespace armature
