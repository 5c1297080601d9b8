#include "common/rpc/address.h"

#include <arpa/inet.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace armature {

bool IsLoopback(absl::string_view address) {
  if (absl::StartsWith(address, "unix:")) return true;
  std::string host(address.substr(0, address.rfind(':')));
  if (host == "localhost" || host == "[::1]") return true;
  in_addr ipv4;
  if (inet_pton(AF_INET, host.c_str(), &ipv4) != 1) return false;
  return (ntohl(ipv4.s_addr) >> 24) == 127;
}

bool IsHostPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 1 && port <= 65535;
}

std::string BoundAddress(const std::string& listen_address, int bound_port) {
  if (absl::StartsWith(listen_address, "unix:")) return listen_address;
  return absl::StrCat(listen_address.substr(0, listen_address.rfind(':')), ":", bound_port);
}

}  // namespace armature
