// Serves gRPC on a port of 127.0.0.1, for fake services and services under test.
//
// Thread safety: compatible; address, port and NewChannel from any thread.
#ifndef ARMATURE_COMMON_RPC_TESTING_LOOPBACK_SERVER_H_
#define ARMATURE_COMMON_RPC_TESTING_LOOPBACK_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"

namespace armature {

class LoopbackServer {
 public:
  // Starts to listen; on any free port if `port` is 0. `services` must outlive this.
  explicit LoopbackServer(std::vector<grpc::Service*> services, int port = 0);
  ~LoopbackServer() { Stop(); }

  // Listens again on the same port.
  void Start();
  // Ends open calls at `deadline`; the default, now, is like SIGKILL. May be called twice.
  void Stop(absl::Time deadline = absl::Now());

  int port() const { return port_; }
  std::string address() const;
  std::shared_ptr<grpc::Channel> NewChannel() const;

 private:
  int Listen();  // Returns the port.

  const std::vector<grpc::Service*> services_;
  int port_;  // Set by the constructor.
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_TESTING_LOOPBACK_SERVER_H_
