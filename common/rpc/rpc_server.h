// A gRPC server: credentials, keepalive and caps, the addresses that it listens on, and the
// health service.
//
// Thread safety: all methods; Shutdown once.
#ifndef ARMATURE_COMMON_RPC_RPC_SERVER_H_
#define ARMATURE_COMMON_RPC_RPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/acceptor.h"
#include "common/rpc/transport.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server.h"

namespace armature {

class RpcServer {
 public:
  // The one call that needs no token: orchestrators cannot pass one.
  static constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";

  // Serves on every one of `addresses`: plaintext on unix sockets and, without options, on
  // loopback. Reflection unless other machines reach it. `services` must outlive it.
  // OK; FailedPrecondition: an address is not loopback and not secured (the message gives the
  // remedies); Unavailable: cannot listen there; InvalidArgument: an address is none; others:
  // as ReadSecrets.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(
      const std::vector<std::string>& addresses, const TransportOptions& options,
      const std::vector<grpc::Service*>& services);
  // As Shutdown now.
  ~RpcServer();

  // The first one, with the port that was bound.
  const std::string& address() const { return address_; }
  // From now on the health service says NOT_SERVING; all else goes on.
  void Drain();
  // Ends open calls at `deadline`, and returns when all have ended.
  void Shutdown(absl::Time deadline);

 private:
  RpcServer() = default;
  absl::Status Listen(const std::vector<std::string>& addresses, const TransportOptions& options,
                      const std::vector<grpc::Service*>& services);

  std::string address_;
  grpc::CallbackGenericService unknown_methods_;  // Answers UNIMPLEMENTED.
  std::unique_ptr<grpc::Server> server_;
  // After the server: no connection comes to one that is gone.
  Acceptor acceptor_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_RPC_SERVER_H_
