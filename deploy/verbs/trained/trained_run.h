// Loads the run that a command line names: RUN, --model, key=value.
//
// Thread safety: free functions on plain values.
#ifndef ARMATURE_DEPLOY_VERBS_TRAINED_TRAINED_RUN_H_
#define ARMATURE_DEPLOY_VERBS_TRAINED_TRAINED_RUN_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "common/run_config/run_config.h"
#include "learner/checkpoint/policy_file.h"

namespace armature {

struct TrainedRunFlags {
  std::vector<std::string> words;  // RUN (a directory, id or name, see FindRun), key=value.
  std::string model;               // See FindModel.
  bool stochastic = false;
};
void AddModelFlag(CLI::App& app, std::string* model);
void AddTrainedRunFlags(CLI::App& app, TrainedRunFlags* flags);

struct TrainedRun {
  std::string path;        // Of the run's directory.
  std::string model_path;  // Of the policy's file.
  RunConfig config;        // The run's own, plus the overrides.
  PolicyFile policy;
};

// Returns InvalidArgument or NotFound if RUN is missing or not a run, the model does not exist (the
// message lists those that do), or a word or key is wrong; DataLoss if the file is damaged.
absl::StatusOr<TrainedRun> LoadTrainedRun(const TrainedRunFlags& flags);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_TRAINED_TRAINED_RUN_H_
