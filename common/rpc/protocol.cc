#include "common/rpc/protocol.h"

#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr size_t kPeerNameMax = 64;

bool IsPeerName(absl::string_view name) {
  if (name.empty() || name.size() > kPeerNameMax) return false;
  for (char c : name) {
    if (!absl::ascii_isalnum(c) && c != '_' && c != '.' && c != '-') return false;
  }
  return true;
}

}  // namespace

uint64_t UnguessableId() {
  std::random_device device;
  uint64_t id = 0;
  while (id == 0) id = (static_cast<uint64_t>(device()) << 32) | device();
  return id;
}

v1::Handshake MakeHandshake(absl::string_view peer_name, uint64_t incarnation,
                            absl::string_view run_id) {
  v1::Handshake handshake;
  handshake.set_protocol_version(kProtocolVersion);
  handshake.set_peer_name(std::string(peer_name));
  handshake.set_incarnation(incarnation);
  handshake.set_run_id(std::string(run_id));
  return handshake;
}

absl::Status CheckProtocolVersion(uint32_t version, absl::string_view name) {
  if (version == kProtocolVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(name, ": expected ", kProtocolVersion, ", got ",
                                                    version,
                                                    "; run the same Armature on both sides"));
}

absl::Status CheckHandshake(const v1::Handshake& handshake, absl::string_view run_id) {
  absl::Status status =
      CheckProtocolVersion(handshake.protocol_version(), "handshake.protocol_version");
  if (!status.ok()) return status;
  if (!IsPeerName(handshake.peer_name())) {
    return absl::InvalidArgumentError(
        "handshake.peer_name: expected 1 to 64 letters, digits, '_', '.' or '-'");
  }
  if (handshake.incarnation() == 0) {
    return absl::InvalidArgumentError("handshake.incarnation: expected a number other than 0");
  }
  if (!run_id.empty() && !handshake.run_id().empty() && handshake.run_id() != run_id) {
    return absl::FailedPreconditionError(absl::StrCat("handshake.run_id: expected '", run_id,
                                                      "', got '", handshake.run_id(),
                                                      "'; this peer belongs to another run"));
  }
  return absl::OkStatus();
}

}  // namespace armature
