#include "common/cli/flags.h"

#include <algorithm>
#include <iostream>
#include <string>

#include "common/rpc/address.h"

namespace armature {

void AddTransportFlags(CLI::App& app, TransportOptions* options) {
  auto* certificate = app.add_option("--tls_certificate", options->tls_certificate,
                                     "PEM file: this process's certificate chain.")
                          ->group("Security");
  auto take_folder = [options](const std::string& folder) {
    options->tls_certificate = folder + "/certificate.pem";
    options->tls_key = folder + "/key.pem";
    options->tls_authority = folder + "/authority.pem";
  };
  app.add_option_function<std::string>("--tls_folder", take_folder,
                                       "Folder of this host that `certificates` has made: what "
                                       "mutual TLS needs, in place of the three files.")
      ->excludes(certificate)
      ->group("Security");
  app.add_option("--tls_key", options->tls_key, "PEM file: its private key.")->group("Security");
  app.add_option("--tls_authority", options->tls_authority,
                 "PEM file: who signs the peers. A server with it demands client certificates, "
                 "unless --token_suffices.")
      ->group("Security");
  app.add_option("--token_file", options->token_file,
                 "File whose first line is a secret that all processes share; needs TLS.")
      ->group("Security");
  app.add_flag("--token_suffices", options->token_suffices,
               "With --tls_authority and --token_file: let in whoever bears the token, without a "
               "certificate. The token is asked for after TLS, so it does not keep floods out.")
      ->group("Security");
  app.add_option("--tls_server_name", options->tls_server_name,
                 "The name in the servers' certificates, where it is not that of their addresses.")
      ->group("Security");
}

std::string CheckListenAddress(const std::string& address) {
  return std::string(ParseListenAddress(address).status().message());
}

std::string CheckMetricsAddress(const std::string& address) {
  return address == "off" ? "" : CheckListenAddress(address);
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
