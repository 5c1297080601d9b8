// What the command lines of all processes have in common.
#ifndef ARMATURE_COMMON_CLI_FLAGS_H_
#define ARMATURE_COMMON_CLI_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "common/rpc/transport_options.h"

namespace armature {

// The flags of TransportOptions, each called as its member.
void AddTransportFlags(CLI::App& app, TransportOptions* options);

// Of an address to listen on, and of one that may be "off": empty when OK, as CLI11 wants it.
std::string CheckListenAddress(const std::string& address);
std::string CheckMetricsAddress(const std::string& address);

// Ends the help with calls of `command`, each with one of `arguments`.
void AddExamples(CLI::App& app, const std::string& command,
                 const std::vector<std::string>& arguments);

// Parses; the exit status when the process is to end now: 0 after --help, 2 with the
// help on stderr when nothing was given where something must be, 2 after a wrong flag,
// which is told in one line on stderr with the nearest right one:
//   if (std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
std::optional<int> ParseFlags(CLI::App& app, int argc, char** argv);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_FLAGS_H_
