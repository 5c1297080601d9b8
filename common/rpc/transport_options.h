// A process's credentials, and how it verifies its peers.
#ifndef ARMATURE_COMMON_RPC_TRANSPORT_OPTIONS_H_
#define ARMATURE_COMMON_RPC_TRANSPORT_OPTIONS_H_

#include <string>

namespace armature {

// Paths of PEM files and of a token file (its first line); empty: not used. Unix sockets need none
// of them: the kernel admits only processes of the same user.
struct TransportOptions {
  std::string tls_certificate;  // Own certificate chain (servers, and clients with mutual TLS).
  std::string tls_key;          // Own private key.
  std::string tls_authority;    // CA that signs the peers' certificates.
  std::string token_file;       // Shared secret, sent as "authorization: Bearer <token>".
  // A server with tls_authority requires client certificates signed by it, unless this says that
  // the token alone is enough.
  bool token_suffices = false;
  // The name in the servers' certificates if it differs from their addresses.
  std::string tls_server_name;

  bool empty() const {
    return tls_certificate.empty() && tls_key.empty() && tls_authority.empty() &&
           token_file.empty() && !token_suffices && tls_server_name.empty();
  }
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_TRANSPORT_OPTIONS_H_
