#include "common/rpc/acceptor.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/sync/steady_time.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr int kBacklog = 128;
constexpr int kFilesReservedMax = 64;
constexpr absl::Duration kComplainEvery = absl::Minutes(1);
// Pause after accepting failed for a temporary reason.
constexpr int kRetryMs = 100;

absl::Status CannotListen(const Address& address, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address.ToString(), ": ", why));
}

int OpenNothing() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

int64_t FilesMax() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, INT32_MAX));
}

sockaddr_un SocketAddress(const std::string& path) {
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  return name;
}

// Returns whether a process listens at `path`.
bool IsServed(const sockaddr_un& name) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool served =
      connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0 || errno == EAGAIN;
  close(fd);
  return served;
}

}  // namespace

Acceptor::Acceptor() : stop_fd_(eventfd(0, EFD_CLOEXEC)), spare_fd_(OpenNothing()) {}

Acceptor::~Acceptor() {
  Stop();
  close(stop_fd_);
  close(spare_fd_);
}

int Acceptor::files_reserved() {
  return static_cast<int>(std::min<int64_t>(kFilesReservedMax, FilesMax() / 4));
}

absl::StatusOr<Address> Acceptor::Listen(const Address& address, OnConnection on_connection) {
  Address bound = address;
  if (address.is_unix()) {
    if (absl::Status status = ListenUnix(address, on_connection); !status.ok()) return status;
    return bound;
  }
  const absl::StatusOr<int> port = ListenTcp(address, on_connection);
  if (!port.ok()) return port.status();
  bound.port = *port;
  return bound;
}

absl::Status Acceptor::ListenUnix(const Address& address, const OnConnection& on_connection) {
  if (address.socket_path.size() > Address::kSocketPathMax) {
    return CannotListen(address, std::strerror(ENAMETOOLONG));
  }
  const sockaddr_un name = SocketAddress(address.socket_path);
  struct stat found;
  if (lstat(name.sun_path, &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return CannotListen(address, "a file of that name is there");
    if (IsServed(name)) return CannotListen(address, std::strerror(EADDRINUSE));
    unlink(name.sun_path);
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // The socket file gets the mode that bind creates it with.
  fchmod(fd, S_IRUSR | S_IWUSR);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 ||
      listen(fd, kBacklog) != 0) {
    const absl::Status status = CannotListen(address, std::strerror(errno));
    close(fd);
    return status;
  }
  sockets_.push_back({fd, address.socket_path, on_connection});
  return absl::OkStatus();
}

absl::StatusOr<int> Acceptor::ListenTcp(const Address& address, const OnConnection& on_connection) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found);
  if (error != 0) return CannotListen(address, gai_strerror(error));
  absl::Cleanup free_found = [found] { freeaddrinfo(found); };
  int port = address.port;
  int last_error = 0;
  // A name has several addresses; skip those that this machine lacks, often IPv6.
  size_t listening = 0;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    sockaddr_storage name = {};
    std::memcpy(&name, entry->ai_addr, entry->ai_addrlen);
    auto* v4 = reinterpret_cast<sockaddr_in*>(&name);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&name);
    in_port_t* const own_port = name.ss_family == AF_INET6 ? &v6->sin6_port : &v4->sin_port;
    *own_port = htons(static_cast<uint16_t>(port));  // All addresses use the port of the first one.
    const int fd = socket(entry->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    const int off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (name.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    socklen_t size = entry->ai_addrlen;
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&name), size) != 0 ||
        listen(fd, kBacklog) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
      last_error = errno;
      if (fd >= 0) close(fd);
      continue;
    }
    port = ntohs(*own_port);
    ++listening;
    sockets_.push_back({fd, "", on_connection});
  }
  if (listening == 0) return CannotListen(address, std::strerror(last_error));
  return port;
}

void Acceptor::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  if (thread_.joinable()) {
    eventfd_write(stop_fd_, 1);
    thread_.join();
  }
  for (const Socket& socket : sockets_) {
    close(socket.fd);
    if (!socket.path.empty()) unlink(socket.path.c_str());
  }
  sockets_.clear();
}

void Acceptor::Run() {
  std::vector<pollfd> waits = {{stop_fd_, POLLIN, 0}};
  for (const Socket& socket : sockets_) waits.push_back({socket.fd, POLLIN, 0});
  for (;;) {
    if (poll(waits.data(), waits.size(), -1) < 0) continue;  // Interrupted by a signal.
    if (waits[0].revents != 0) return;
    for (size_t i = 0; i < sockets_.size(); ++i) {
      if (waits[i + 1].revents != 0) Accept(sockets_[i]);
    }
  }
}

void Acceptor::Accept(const Socket& socket) {
  constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  int fd = accept4(socket.fd, nullptr, nullptr, kFlags);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    close(spare_fd_);
    fd = accept4(socket.fd, nullptr, nullptr, kFlags);
    if (fd >= 0) close(fd);
    spare_fd_ = OpenNothing();
    Complain("no file is left");
    if (fd >= 0) return;
  }
  if (fd >= 0) {
    if (Admit(socket, fd)) {
      socket.on_connection(fd);
    } else {
      close(fd);
    }
    return;
  }
  if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
  // The connection is still pending; without a pause the loop would spin on it.
  Complain(std::strerror(errno));
  pollfd stop = {stop_fd_, POLLIN, 0};
  poll(&stop, 1, kRetryMs);
}

bool Acceptor::Admit(const Socket& socket, int fd) {
  // The kernel assigns the lowest free number, so about this many files are open.
  const int64_t files_max = FilesMax();
  if (fd >= files_max - files_reserved()) {
    Complain(absl::StrCat(fd, " files are open, of ", files_max, " (ulimit -n)"));
    return false;
  }
  if (socket.path.empty()) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return true;
  }
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
      (peer.uid == geteuid() || peer.uid == 0)) {
    return true;
  }
  Complain(absl::StrCat("user ", peer.uid, " is not this one"));
  return false;
}

void Acceptor::Complain(const std::string& why) {
  const absl::Time now = SteadyTime();
  if (now - complained_ < kComplainEvery) return;
  complained_ = now;
  spdlog::warn("turned a connection away: {}", why);
}

}  // namespace armature
