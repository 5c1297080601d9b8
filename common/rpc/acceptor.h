// Listens on sockets and accepts connections on its own thread.
//
// Used instead of gRPC 1.51's own listener, which stops listening for ever once the process runs
// out of file descriptors and does not limit connections. This class keeps the last
// files_reserved() descriptors free for checkpoints and logs: a connection that would use one of
// them is closed at once and can be retried when others have left. A unix socket has mode 0600;
// connections from other users except root are closed.
//
// Data flow: sockets from Listen -> accept -> on_connection.
// Call order: Listen* Start Stop. A failed Listen leaves nothing open.
// Thread safety: none; on_connection runs on the accepting thread.
#ifndef ARMATURE_COMMON_RPC_ACCEPTOR_H_
#define ARMATURE_COMMON_RPC_ACCEPTOR_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/address.h"

namespace armature {

class Acceptor {
 public:
  // Takes ownership of the non-blocking socket of a new connection.
  using OnConnection = std::function<void(int fd)>;

  Acceptor();
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Returns the address with the port that was bound. Replaces a unix socket that nobody serves.
  // Returns Unavailable if it cannot listen there; the message says why.
  absl::StatusOr<Address> Listen(const Address& address, OnConnection on_connection);
  void Start();
  // Closes the sockets and removes unix socket files. Idempotent.
  void Stop();

  // Number of file descriptors that connections may not use, from the process's current limit.
  static int files_reserved();

 private:
  struct Socket {
    int fd;
    std::string path;  // Unix sockets only.
    OnConnection on_connection;
  };

  absl::Status ListenUnix(const Address& address, const OnConnection& on_connection);
  absl::StatusOr<int> ListenTcp(const Address& address, const OnConnection& on_connection);
  void Run();
  void Accept(const Socket& socket);
  // Returns whether to keep a connection.
  bool Admit(const Socket& socket, int fd);
  void Complain(const std::string& why);

  std::vector<Socket> sockets_;
  std::thread thread_;
  const int stop_fd_;
  // Closed when no descriptor is left, so that a connection can be accepted and refused.
  int spare_fd_;
  absl::Time complained_ = absl::InfinitePast();
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_ACCEPTOR_H_
