// The programs that a cluster is made of: where they are, and their flags.
//
// Thread safety: free functions; ShareRunfiles before any thread.
#ifndef ARMATURE_DEPLOY_LAUNCHER_PROGRAMS_H_
#define ARMATURE_DEPLOY_LAUNCHER_PROGRAMS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/transport.h"
#include "common/run_config/run_config.h"

namespace armature {

// The path of learner, actor or envserver: $ARMATURE_<name>, in Bazel's runfiles, or
// in a bundle's bin/. Before EnterUsersFolder: runfiles may be relative.
// OK; NotFound: names all places that were tried.
absl::StatusOr<std::string> FindProgram(const std::string& name);

// What logs a run to Weights & Biases; to be followed by the run's folder.
// OK; NotFound: as FindProgram.
absl::StatusOr<std::vector<std::string>> FindUploader();

// Lets children look for their data where this program's is.
void ShareRunfiles();

// What starts an env server: our own program, `envserver`, or what
// cluster.env_server_command says: a path, then flags.
// OK; InvalidArgument: the command is no command, or its program is not there.
absl::StatusOr<std::vector<std::string>> EnvServerProgram(const ClusterSection& cluster,
                                                          const std::string& envserver);

// `program`, then the flags that every env server gets, our own and others.
std::vector<std::string> EnvServerArguments(const std::vector<std::string>& program,
                                            const ClusterSection& cluster,
                                            const std::string& listen, const std::string& name);

// Where an env server of `program` is told to listen: on the unix socket, or, where it is
// neither our own nor armature-serve and may know ports only, on any port of loopback.
std::string EnvServerListen(const std::vector<std::string>& program, const ClusterSection& cluster,
                            const std::string& socket);

// The flags that give a child `transport`.
std::vector<std::string> TransportFlags(const TransportOptions& transport);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROGRAMS_H_
