// What a process is given to prove who it is and to know its peers.
#ifndef ARMATURE_COMMON_RPC_TRANSPORT_OPTIONS_H_
#define ARMATURE_COMMON_RPC_TRANSPORT_OPTIONS_H_

#include <string>

namespace armature {

// Paths of PEM files and of a token file (its first line); empty: not used. None of it
// concerns unix sockets: the kernel lets only processes of this user connect to those.
struct TransportOptions {
  std::string tls_certificate;  // Own certificate chain (servers; clients: mutual TLS).
  std::string tls_key;          // Own private key.
  std::string tls_authority;    // CA that signs the peers' certificates.
  std::string token_file;       // Shared secret, sent as "authorization: Bearer <token>".
  // A server with an authority demands client certificates that it has signed, unless this
  // says that the token is enough.
  bool token_suffices = false;
  // The name in the servers' certificates, where it is not that of their addresses.
  std::string tls_server_name;

  bool empty() const {
    return tls_certificate.empty() && tls_key.empty() && tls_authority.empty() &&
           token_file.empty() && !token_suffices && tls_server_name.empty();
  }
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_TRANSPORT_OPTIONS_H_
