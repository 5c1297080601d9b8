// Finds the programs of a cluster and builds their flags.
//
// Thread safety: free functions; call ShareRunfiles before starting threads.
#ifndef ARMATURE_DEPLOY_LAUNCHER_PROGRAMS_H_
#define ARMATURE_DEPLOY_LAUNCHER_PROGRAMS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/transport.h"
#include "common/run_config/run_config.h"
#include "deploy/launcher/run_follower.h"

namespace armature {

// Returns the path of learner, actor or envserver: $ARMATURE_<name>, in Bazel's runfiles, or in a
// bundle's bin/. Call it before EnterUsersFolder, since runfiles may be relative.
// Returns NotFound if none exists; the message lists all places tried.
absl::StatusOr<std::string> FindProgram(const std::string& name);

// Return what logs a run to Weights & Biases, and what makes videos of its recorded episodes.
// Return FindProgram's errors.
absl::StatusOr<RunFollower::Options> FindUploader();
absl::StatusOr<RunFollower::Options> FindFilmer();

// Makes children look for their data where this program finds its own.
void ShareRunfiles();

// Returns the command that starts an env server (a path, then flags): cluster.env_server_command,
// or our own program `envserver`.
// Returns InvalidArgument if the command cannot be split or its program does not exist.
absl::StatusOr<std::vector<std::string>> EnvServerProgram(const ClusterSection& cluster,
                                                          const std::string& envserver);

// Returns `program` plus the flags that every env server gets, ours or not.
std::vector<std::string> EnvServerArguments(const std::vector<std::string>& program,
                                            const ClusterSection& cluster,
                                            const std::string& listen, const std::string& name);

// Returns the address that an env server of `program` must listen on: the unix socket; or any port
// of loopback if the program is neither ours nor armature-serve, since it may support only ports.
std::string EnvServerListen(const std::vector<std::string>& program, const ClusterSection& cluster,
                            const std::string& socket);

// Returns the flags that pass `transport` to a child.
std::vector<std::string> TransportFlags(const TransportOptions& transport);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROGRAMS_H_
