// What a Cluster is to run, and with which programs.
//
// Thread safety: plain values.
#ifndef ARMATURE_DEPLOY_LAUNCHER_CLUSTER_OPTIONS_H_
#define ARMATURE_DEPLOY_LAUNCHER_CLUSTER_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/rpc/transport.h"
#include "common/run_config/run_config.h"
#include "deploy/launcher/run_follower.h"

namespace armature {

struct ClusterPrograms {
  std::string learner;
  // cluster.env_server_command, or our own program: its path, then the flags that come before
  // those that every env server gets.
  std::vector<std::string> envserver;
  std::string actor;
  std::vector<RunFollower::Options> followers;  // In the order in which they end.
};

struct ClusterOptions {
  RunConfig config;     // Validated.
  std::string run_dir;  // Absolute; exists.
  bool resume = false;  // Continue from run_dir's checkpoint, with its config.yaml.
  // On resume: what `config` has beyond config.yaml, as key=value. Written to config.yaml once
  // all processes were ready with them.
  std::vector<std::string> overrides;
  std::string command;  // Command that starts the launcher, for advice to the user.
  TransportOptions transport;
  ClusterPrograms programs;
  // A stop waits for a learner as long as its writing makes progress. A learner without progress
  // for this long is killed.
  absl::Duration save_stall_max = absl::Minutes(2);
  // Time from SIGTERM to SIGKILL for actors and env servers, which have nothing to save.
  absl::Duration stop_within = absl::Seconds(6);
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_CLUSTER_OPTIONS_H_
