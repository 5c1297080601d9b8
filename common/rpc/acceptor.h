// Listens, and accepts connections on a thread of its own.
//
// gRPC 1.51 would do so itself, but it stops listening for ever once the process is out of
// files, and it has no bound of connections. Here a connection whose file would be among the
// last files_reserved() that the process may open is closed at once: a crowd of connections
// leaves files for checkpoints and logs, and who is turned away gets in when others have left.
// A unix socket has mode 0600, and a connection by another user (but root) is closed.
//
// Data flow: Listen's sockets -> accept -> on_connection.
// Call order: Listen* Start Stop; Listen's failures leave nothing open.
// Thread safety: none, but that on_connection runs on the thread.
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
  // Takes the non-blocking socket of a new connection over.
  using OnConnection = std::function<void(int fd)>;

  Acceptor();
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // The address with the port that was bound. A unix socket that nobody serves is replaced.
  // OK; Unavailable: cannot listen there (the message says why).
  absl::StatusOr<Address> Listen(const Address& address, OnConnection on_connection);
  void Start();
  // Closes the sockets, and removes those of unix addresses. Idempotent.
  void Stop();

  // How many of the process's files connections may not take, by its limit just now.
  static int files_reserved();

 private:
  struct Socket {
    int fd;
    std::string path;  // Of a unix socket.
    OnConnection on_connection;
  };

  absl::Status ListenUnix(const Address& address, const OnConnection& on_connection);
  absl::StatusOr<int> ListenTcp(const Address& address, const OnConnection& on_connection);
  void Run();
  void Accept(const Socket& socket);
  // Whether a connection may stay.
  bool Admit(const Socket& socket, int fd);
  void Complain(const std::string& why);

  std::vector<Socket> sockets_;
  std::thread thread_;
  const int stop_fd_;
  int spare_fd_;  // Given up to be able to turn someone away when no file is left.
  absl::Time complained_ = absl::InfinitePast();
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_ACCEPTOR_H_
