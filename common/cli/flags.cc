#include "common/cli/flags.h"

#include <algorithm>
#include <iostream>
#include <string>

namespace armature {

void AddTransportFlags(CLI::App& app, TransportOptions* options) {
  app.add_option("--tls_certificate", options->tls_certificate,
                 "PEM file: this process's certificate chain.")
      ->group("Security");
  app.add_option("--tls_key", options->tls_key, "PEM file: its private key.")->group("Security");
  app.add_option("--tls_authority", options->tls_authority,
                 "PEM file: who signs the peers. A server with it demands client certificates.")
      ->group("Security");
  app.add_option("--token_file", options->token_file,
                 "File whose first line is a secret that all processes share; needs TLS.")
      ->group("Security");
}

std::optional<int> ParseFlags(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::string line = error.what();
    std::replace(line.begin(), line.end(), '\n', ' ');
    std::cerr << app.get_name() << ": " << line << " (--help lists the flags)" << std::endl;
    return 2;
  }
}

}  // namespace armature
