// A run as the verbs take it from the command line: RUN, --model, key=value.
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
  std::vector<std::string> words;  // RUN (a directory, an id or a name, see FindRun), key=value.
  std::string model;               // As FindModel takes it.
  bool stochastic = false;
};
void AddModelFlag(CLI::App& app, std::string* model);
void AddTrainedRunFlags(CLI::App& app, TrainedRunFlags* flags);

struct TrainedRun {
  std::string path;        // Of the run's directory.
  std::string model_path;  // Of the policy's file.
  RunConfig config;        // The run's own, then the overrides.
  PolicyFile policy;
};

// OK; InvalidArgument or NotFound: RUN is missing or no run, there is no such model
// (lists those there are), a word or key is wrong; DataLoss: the file is damaged.
absl::StatusOr<TrainedRun> LoadTrainedRun(const TrainedRunFlags& flags);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_TRAINED_TRAINED_RUN_H_
