// What the command lines of all processes have in common.
#ifndef ARMATURE_COMMON_CLI_FLAGS_H_
#define ARMATURE_COMMON_CLI_FLAGS_H_

#include <optional>

#include "CLI/CLI.hpp"
#include "common/rpc/transport.h"

namespace armature {

// --tls_certificate, --tls_key, --tls_authority and --token_file.
void AddTransportFlags(CLI::App& app, TransportOptions* options);

// Parses; the exit status when the process is to end now: 0 after --help, 2
// after a wrong flag, which is told in one line on stderr:
//   if (std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
std::optional<int> ParseFlags(CLI::App& app, int argc, char** argv);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_FLAGS_H_
