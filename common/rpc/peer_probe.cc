#include "common/rpc/peer_probe.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/sync/steady_time.h"
#include "openssl/bio.h"
#include "openssl/err.h"
#include "openssl/ssl.h"

namespace armature {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(1);

// Returns the first bytes that a TLS client sends.
std::string ClientHello() {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);  // Owns both.
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());  // Stops where it needs an answer.
  ERR_clear_error();
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);  // NOLINT: OpenSSL's type.
  return std::string(bytes, static_cast<size_t>(size));
}

bool Await(int fd, int16_t event, absl::Time deadline) {
  pollfd wait = {fd, event, 0};
  for (;;) {
    const int64_t left_ms = absl::ToInt64Milliseconds(deadline - SteadyTime());
    const int ready = left_ms <= 0 ? 0 : poll(&wait, 1, static_cast<int>(left_ms));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

// Returns the first bytes of the answer; empty if there was none.
std::string FirstBytes(const addrinfo& entry, absl::Time deadline) {
  const int fd = socket(entry.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return "";
  absl::Cleanup close_fd = [fd] { close(fd); };
  if (connect(fd, entry.ai_addr, entry.ai_addrlen) != 0 &&
      (errno != EINPROGRESS || !Await(fd, POLLOUT, deadline))) {
    return "";
  }
  const std::string hello = ClientHello();
  if (send(fd, hello.data(), hello.size(), MSG_NOSIGNAL) < 0) return "";
  std::string bytes;
  while (bytes.size() < 4 && Await(fd, POLLIN, deadline)) {
    char part[64];
    const ssize_t n = recv(fd, part, sizeof(part), 0);
    if (n <= 0) break;
    bytes.append(part, static_cast<size_t>(n));
  }
  return bytes;
}

Spoken Judge(const std::string& bytes) {
  constexpr char kHandshake = 22, kAlert = 21, kMajorVersion = 3;  // Of TLS records.
  // The type of an HTTP/2 server's first frame, after three bytes of length.
  constexpr char kSettings = 4;
  if (bytes.size() < 4) return Spoken::kNothing;
  if ((bytes[0] == kHandshake || bytes[0] == kAlert) && bytes[1] == kMajorVersion) {
    return Spoken::kTls;
  }
  return bytes[0] == 0 && bytes[3] == kSettings ? Spoken::kHttp2 : Spoken::kNothing;
}

// Returns "http_proxy=..." if gRPC would use that proxy for `host`; gRPC reads these variables.
std::string ProxyFor(const std::string& host) {
  for (const char* variable : {"no_grpc_proxy", "no_proxy"}) {
    const char* hosts = std::getenv(variable);
    if (hosts == nullptr) continue;
    for (const absl::string_view suffix : absl::StrSplit(hosts, ',', absl::SkipWhitespace())) {
      if (absl::EndsWithIgnoreCase(host, absl::StripAsciiWhitespace(suffix))) return "";
    }
    break;
  }
  for (const char* variable : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    const char* proxy = std::getenv(variable);
    if (proxy != nullptr && *proxy != 0) return absl::StrCat(variable, "=", proxy);
  }
  return "";
}

}  // namespace

Spoken Probe(const Address& address, absl::Duration timeout) {
  if (address.is_unix()) return Spoken::kNothing;  // Never uses TLS.
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found) != 0) {
    return Spoken::kNothing;
  }
  absl::Cleanup free_found = [found] { freeaddrinfo(found); };
  const absl::Time deadline = SteadyTime() + timeout;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    const Spoken spoken = Judge(FirstBytes(*entry, deadline));
    if (spoken != Spoken::kNothing) return spoken;
  }
  return Spoken::kNothing;
}

absl::Status ExplainFailure(const std::string& address, const TransportOptions& options,
                            const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return status;
  const absl::StatusOr<Address> parsed = ParseAddress(address);
  if (!parsed.ok() || parsed->is_unix()) return status;
  const bool plain = parsed->is_loopback() && options.empty();
  switch (Probe(*parsed, kTimeout)) {
    case Spoken::kTls:
      if (!plain) break;
      return absl::FailedPreconditionError(
          "it speaks TLS, and this side does not: give it --tls_authority, and what that side"
          " demands, --tls_certificate and --tls_key or --token_file");
    case Spoken::kHttp2:
      if (plain) break;
      return absl::FailedPreconditionError(
          "it speaks without TLS, and this side with it: start that side with --tls_certificate"
          " and --tls_key, or leave out this side's flags of security");
    case Spoken::kNothing:
      break;
  }
  const std::string proxy = parsed->is_loopback() ? "" : ProxyFor(parsed->host);
  if (proxy.empty()) return status;
  return absl::UnavailableError(
      absl::StrCat(status.message(), " (through the proxy that the environment variable ", proxy,
                   " names; no_proxy=", parsed->host, " goes without)"));
}

}  // namespace armature
