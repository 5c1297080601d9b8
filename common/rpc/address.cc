#include "common/rpc/address.h"

#include <arpa/inet.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace armature {
namespace {

constexpr char kUnix[] = "unix:";
constexpr int kPortMax = 65535;

absl::Status Wrong(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not an address: ", what));
}

absl::StatusOr<Address> ParseSocketPath(absl::string_view text, absl::string_view path) {
  if (!absl::StartsWith(path, "/")) {
    return Wrong(text, "expected unix: and an absolute path, e.g. unix:/run/user/1000/learner");
  }
  if (path.size() > Address::kSocketPathMax) {
    return Wrong(text, absl::StrCat("the path of a unix socket has at most ",
                                    Address::kSocketPathMax, " bytes, this one ", path.size()));
  }
  for (const char c : path) {
    // Lists of addresses use these characters.
    if (c == ',' || c == '#' || absl::ascii_iscntrl(c)) {
      return Wrong(text, "the path of a unix socket has no ',', '#' or control characters here");
    }
  }
  Address address;
  address.socket_path = std::string(path);
  return address;
}

bool IsHostName(absl::string_view host) {
  for (const char c : host) {
    if (!absl::ascii_isalnum(c) && c != '.' && c != '-' && c != '_') return false;
  }
  return !host.empty();
}

absl::StatusOr<Address> Parse(absl::string_view text, int port_min) {
  absl::string_view path = text;
  if (absl::ConsumePrefix(&path, kUnix)) return ParseSocketPath(text, path);
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) {
    return Wrong(text, "expected host:port, [IPv6]:port or unix:/path");
  }
  absl::string_view host = text.substr(0, colon);
  const absl::string_view port = text.substr(colon + 1);
  Address address;
  in6_addr ipv6;
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    address.host = std::string(host.substr(1, host.size() - 2));
    if (inet_pton(AF_INET6, address.host.c_str(), &ipv6) != 1) {
      return Wrong(text, absl::StrCat("'", address.host, "' is not an IPv6 address"));
    }
  } else if (absl::StrContains(host, ':')) {
    return Wrong(text, "an IPv6 address is written in brackets, e.g. [::1]:5556");
  } else if (!IsHostName(host)) {
    return Wrong(text, "expected a host's name or number before the ':'");
  } else {
    address.host = std::string(host);
  }
  // SimpleAtoi alone accepts blanks and signs.
  const bool digits = port.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!digits || !absl::SimpleAtoi(port, &address.port) || address.port < port_min ||
      address.port > kPortMax) {
    return Wrong(text,
                 absl::StrCat("the port is '", port, "', expected ", port_min, " to ", kPortMax));
  }
  return address;
}

}  // namespace

bool Address::is_loopback() const {
  if (is_unix() || host == "localhost" || host == "::1") return true;
  in_addr ipv4;
  if (inet_pton(AF_INET, host.c_str(), &ipv4) != 1) return false;
  return (ntohl(ipv4.s_addr) >> 24) == 127;
}

std::string Address::ToString() const {
  if (is_unix()) return absl::StrCat(kUnix, socket_path);
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port)
                                      : absl::StrCat(host, ":", port);
}

absl::StatusOr<Address> ParseAddress(absl::string_view text) { return Parse(text, 1); }

absl::StatusOr<Address> ParseListenAddress(absl::string_view text) { return Parse(text, 0); }

bool IsLoopback(absl::string_view text) {
  const absl::StatusOr<Address> address = ParseListenAddress(text);
  return address.ok() && address->is_loopback();
}

bool IsEverywhere(absl::string_view text) {
  const absl::StatusOr<Address> address = ParseListenAddress(text);
  return address.ok() && (address->host == "0.0.0.0" || address->host == "::");
}

std::string BoundAddress(const std::string& listen_address, int bound_port) {
  absl::StatusOr<Address> address = ParseListenAddress(listen_address);
  if (!address.ok() || address->is_unix()) return listen_address;
  address->port = bound_port;
  return address->ToString();
}

}  // namespace armature
