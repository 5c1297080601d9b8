// A gRPC server: sets up credentials, keepalive, size limits, listening addresses and the health
// service.
//
// Thread safety: all methods; call Shutdown once.
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
  // The only call that needs no token: orchestrators cannot send one.
  static constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";

  // Serves on all `addresses`: in plaintext on unix sockets and, without options, on loopback.
  // Offers reflection unless other machines can reach the server. `services` must outlive it.
  // Returns FailedPrecondition if an address is neither loopback nor secured (the message says how
  // to fix it); Unavailable if it cannot listen there; InvalidArgument if an address cannot be
  // parsed; ReadSecrets' errors.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(
      const std::vector<std::string>& addresses, const TransportOptions& options,
      const std::vector<grpc::Service*>& services);
  // Calls Shutdown with the present time as the deadline.
  ~RpcServer();

  // The first address, with the port that was bound.
  const std::string& address() const { return address_; }
  // Makes the health service answer NOT_SERVING; everything else continues.
  void Drain();
  // Cancels calls still open at `deadline`; returns when all calls have ended.
  void Shutdown(absl::Time deadline);

 private:
  RpcServer() = default;
  absl::Status Listen(const std::vector<std::string>& addresses, const TransportOptions& options,
                      const std::vector<grpc::Service*>& services);

  std::string address_;
  grpc::CallbackGenericService unknown_methods_;  // Answers UNIMPLEMENTED.
  std::unique_ptr<grpc::Server> server_;
  // Declared after server_ so that it stops first: no connection may reach a destroyed server.
  Acceptor acceptor_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_RPC_SERVER_H_
