#include "common/cli/flags.h"

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/config/config.h"
#include "common/rpc/address.h"

namespace armature {
namespace {

// Describes the first unknown flag in the arguments; empty if the surplus argument was not a flag.
std::string DescribeUnknown(const CLI::App& app) {
  for (const std::string& argument : app.remaining()) {
    if (!absl::StartsWith(argument, "-")) continue;
    const std::vector<std::string> parts = absl::StrSplit(argument, absl::MaxSplits('=', 1));
    const absl::string_view name = absl::StripPrefix(absl::StripPrefix(parts[0], "-"), "-");
    const std::string unknown = absl::StrCat(parts[0], ": no such flag");
    if (absl::StrContains(name, '.')) {
      return absl::StrCat(unknown, "; keys have no dashes: ", name, "=",
                          parts.size() > 1 ? parts[1] : "VALUE");
    }
    std::vector<std::string> known;
    bool takes_keys = false;
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& flag : option->get_lnames()) known.push_back(flag);
      takes_keys |= absl::StrContains(option->get_name(), "key=value");
    }
    const std::string nearest = name.size() < 3 ? "" : NearestName(name, known);
    if (!nearest.empty()) return absl::StrCat(unknown, "; did you mean --", nearest, "?");
    return absl::StrCat(unknown, takes_keys ? "; keys have no dashes: run.seed=3" : "");
  }
  return "";
}

// Replaces CLI11's message ("1 required TEXT missing") for a flag without its value.
std::string DescribeMissingValue(const CLI::App& app, const CLI::ArgumentMismatch& error) {
  const std::string name = std::string(error.what()).substr(0, std::string(error.what()).find(':'));
  const CLI::Option* option = app.get_option_no_throw(name);
  const bool has_value = option == nullptr || !option->results().empty();
  if (has_value) return error.what();
  return absl::StrCat(name, " needs a value: ", option->get_description());
}

}  // namespace

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

void AddExamples(CLI::App& app, const std::string& command,
                 const std::vector<std::string>& arguments) {
  std::string text = arguments.size() == 1 ? "Example:" : "Examples:";
  for (const std::string& each : arguments) absl::StrAppend(&text, "\n  ", command, " ", each);
  app.footer(text);
}

std::optional<int> ParseFlags(CLI::App& app, int argc, char** argv) {
  std::string line;
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ArgumentMismatch& error) {
    line = DescribeMissingValue(app, error);
  } catch (const CLI::ParseError& error) {
    if (argc == 1) {
      std::cerr << app.help() << std::flush;
      return 2;
    }
    // Unknown flags first: one may be the reason why another is missing.
    line = DescribeUnknown(app);
    if (line.empty()) line = error.what();
  }
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::cerr << app.get_name() << ": " << line << " (--help lists the flags)" << std::endl;
  return 2;
}

}  // namespace armature
