// Reads and checks the files named in TransportOptions.
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_RPC_SECRETS_H_
#define ARMATURE_COMMON_RPC_SECRETS_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/transport_options.h"

namespace armature {

// PEM texts and the token; empty if no path was given.
struct Secrets {
  std::string certificate;
  std::string key;
  std::string authority;
  std::string token;
};

// Returns NotFound if a file cannot be read; InvalidArgument if a file is empty or not PEM, a
// certificate has expired or is not yet valid, the key does not match the certificate, or the
// options contradict each other. The message names the file.
absl::StatusOr<Secrets> ReadSecrets(const TransportOptions& options);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_SECRETS_H_
