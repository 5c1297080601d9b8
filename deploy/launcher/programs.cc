#include "deploy/launcher/programs.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "deploy/launcher/command_line.h"

namespace armature {
namespace {

// In a bundle this process uses the bundle's libraries; an external program must find its own.
std::vector<std::string> FromOutside(std::vector<std::string> command) {
  if (const char* outer = std::getenv("ARMATURE_OUTER_LIBRARY_PATH"); outer != nullptr) {
    command.insert(command.begin(), {"/usr/bin/env", absl::StrCat("LD_LIBRARY_PATH=", outer)});
  }
  return command;
}

}  // namespace

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  return FindProgramData(absl::StrCat("armature/", name, "/", name), absl::StrCat("bin/", name),
                         ("ARMATURE_" + name).c_str());
}

absl::StatusOr<RunFollower::Options> FindUploader() {
  absl::StatusOr<std::string> path = FindProgramData(
      "armature/deploy/wandb_uploader", "tools/wandb_uploader.py", "ARMATURE_wandb_uploader");
  if (!path.ok()) return path.status();
  return RunFollower::Options{FromOutside({*std::move(path)}), "wandb_uploader",
                              "wandb: ", "Weights & Biases"};
}

absl::StatusOr<RunFollower::Options> FindFilmer() {
  absl::StatusOr<std::string> path =
      FindProgramData("armature/deploy/record", "bin/record", "ARMATURE_record");
  if (!path.ok()) return path.status();
  return RunFollower::Options{{*std::move(path), "--follow"},
                              "record",
                              "record: ",
                              "videos",
                              "`record --follow RUN` makes the missing videos"};
}

void ShareRunfiles() {
  const std::string runfiles =
      absl::StrCat(std::filesystem::read_symlink("/proc/self/exe").string(), ".runfiles");
  std::error_code ignored;
  if (std::filesystem::is_directory(runfiles, ignored)) {
    setenv("RUNFILES_DIR", runfiles.c_str(), 1);
  }
}

absl::StatusOr<std::vector<std::string>> EnvServerProgram(const ClusterSection& cluster,
                                                          const std::string& envserver) {
  if (cluster.env_server_command.empty()) return std::vector<std::string>{envserver};
  absl::StatusOr<std::vector<std::string>> words = SplitCommand(cluster.env_server_command);
  const absl::StatusOr<std::string> program =
      words.ok() ? FindExecutable(words->front()) : words.status();
  if (!program.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("cluster.env_server_command: ", program.status().message(),
                     absl::IsNotFound(program.status())
                         ? "; for armature-serve: pip install ./envserver/python in the clone"
                         : ""));
  }
  words->front() = *program;
  return FromOutside(*std::move(words));
}

std::vector<std::string> EnvServerArguments(const std::vector<std::string>& program,
                                            const ClusterSection& cluster,
                                            const std::string& listen, const std::string& name) {
  std::vector<std::string> arguments = program;
  arguments.insert(arguments.end(),
                   {"--listen", listen, "--metrics_listen", "127.0.0.1:0", "--name", name});
  if (cluster.env_server_command.empty()) {
    arguments.insert(arguments.end(), {"--threads", absl::StrCat(cluster.env_server_threads)});
  }
  return arguments;
}

std::string EnvServerListen(const std::vector<std::string>& program, const ClusterSection& cluster,
                            const std::string& socket) {
  const bool takes_socket =
      cluster.env_server_command.empty() ||
      std::any_of(program.begin(), program.end(), [](const std::string& word) {
        return word == "armature.serve.main" ||
               std::filesystem::path(word).filename() == "armature-serve";
      });
  return takes_socket ? socket : "127.0.0.1:0";
}

std::vector<std::string> TransportFlags(const TransportOptions& transport) {
  std::vector<std::string> flags;
  for (const auto& [flag, path] :
       {std::pair<const char*, std::string>{"--tls_certificate", transport.tls_certificate},
        {"--tls_key", transport.tls_key},
        {"--tls_authority", transport.tls_authority},
        {"--token_file", transport.token_file},
        {"--tls_server_name", transport.tls_server_name}}) {
    if (!path.empty()) flags.insert(flags.end(), {flag, path});
  }
  if (transport.token_suffices) flags.emplace_back("--token_suffices");
  return flags;
}

}  // namespace armature
