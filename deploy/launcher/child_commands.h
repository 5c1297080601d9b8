// The command lines of a cluster's children, and the places that these name.
//
// A child that is started again gets the address that it had, so that the others find it.
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_LAUNCHER_CHILD_COMMANDS_H_
#define ARMATURE_DEPLOY_LAUNCHER_CHILD_COMMANDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/rpc/private_folder.h"
#include "deploy/launcher/cluster_options.h"

namespace armature {

class ChildCommands {
 public:
  // Both must outlive this. `sockets` is for the children's unix sockets.
  ChildCommands(const ClusterOptions* options, const PrivateFolder* sockets)
      : options_(*options), sockets_(*sockets) {}

  // `goes_on`: the learner was ready before, so its folder has a run. `last_address` is where it
  // listened then; empty: nowhere yet.
  std::vector<std::string> Learner(int64_t replica, bool goes_on,
                                   const std::string& last_address) const;
  std::vector<std::string> EnvServer(const std::string& name,
                                     const std::string& last_address) const;
  // An actor of the learner `replica`. `env_servers` are those started here; the external ones
  // come after them.
  std::vector<std::string> Actor(const std::string& name, int64_t replica,
                                 std::vector<std::string> env_servers) const;

  // "learner-0".
  static std::string LearnerName(int64_t replica);
  // Replica 0 has the run directory.
  std::string LearnerFolder(int64_t replica) const;
  // The file that a child writes once it is ready.
  std::string PortPath(const std::string& name) const;
  // Address at which processes on this machine reach our learner or env server, whatever other
  // address it has.
  std::string SocketAddress(const std::string& name) const;

 private:
  // Adds the flags that all children get.
  std::vector<std::string> WithCommonFlags(std::vector<std::string> arguments,
                                           const std::string& name) const;

  const ClusterOptions& options_;
  const PrivateFolder& sockets_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_CHILD_COMMANDS_H_
