// What the command lines of all processes have in common.
#ifndef ARMATURE_COMMON_CLI_FLAGS_H_
#define ARMATURE_COMMON_CLI_FLAGS_H_

#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "common/rpc/transport_options.h"

namespace armature {

// The flags of TransportOptions, each called as its member.
void AddTransportFlags(CLI::App& app, TransportOptions* options);

// Of an address to listen on, and of one that may be "off": empty when OK, as CLI11 wants it.
std::string CheckListenAddress(const std::string& address);
std::string CheckMetricsAddress(const std::string& address);

// Parses; the exit status when the process is to end now: 0 after --help, 2
// after a wrong flag, which is told in one line on stderr:
//   if (std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
std::optional<int> ParseFlags(CLI::App& app, int argc, char** argv);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_FLAGS_H_
