// What the files of TransportOptions hold, read and checked.
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_RPC_SECRETS_H_
#define ARMATURE_COMMON_RPC_SECRETS_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/transport_options.h"

namespace armature {

// PEM texts and the token; empty where no path was given.
struct Secrets {
  std::string certificate;
  std::string key;
  std::string authority;
  std::string token;
};

// OK; NotFound: a file cannot be read; InvalidArgument: one is empty or is no PEM file, a
// certificate has expired or is not valid yet, the key is not the certificate's, or the
// options contradict each other. The message names the file.
absl::StatusOr<Secrets> ReadSecrets(const TransportOptions& options);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_SECRETS_H_
