// Command-line flags and parsing shared by all processes.
#ifndef ARMATURE_COMMON_CLI_FLAGS_H_
#define ARMATURE_COMMON_CLI_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "common/rpc/transport_options.h"

namespace armature {

// Adds one flag for each member of TransportOptions, with the member's name.
void AddTransportFlags(CLI::App& app, TransportOptions* options);

// CLI11 validators for an address to listen on; the second also accepts "off". They return an error
// message, or an empty string if the address is valid.
std::string CheckListenAddress(const std::string& address);
std::string CheckMetricsAddress(const std::string& address);

// Adds examples to the end of the help: one call of `command` for each of `arguments`.
void AddExamples(CLI::App& app, const std::string& command,
                 const std::vector<std::string>& arguments);

// Parses the command line. If the process should exit now, returns the exit status: 0 after --help;
// 2 if required arguments are missing (the help goes to stderr); 2 after a wrong flag (stderr gets
// one line that suggests the nearest valid flag):
//   if (std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
std::optional<int> ParseFlags(CLI::App& app, int argc, char** argv);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_FLAGS_H_
