#include "deploy/launcher/testing/cluster_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_split.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/test_path.h"

namespace armature {
namespace {

// Parses and records the flags, and defines `ready ADDRESS`.
constexpr char kPrelude[] = R"(#!/bin/bash
echo "$*" >> "$(dirname "$0")/$(basename "$0").arguments"
name=$(basename "$0")
all="$*"
while [ $# -gt 0 ]; do
  case "$1" in
    --port_file) port_file=$2; shift;;
    --run_dir|--resume) run_dir=$2; shift;;
    --socket) socket=$2; shift;;
    --listen) listen=$2; shift;;
  esac
  shift
done
runs=$(wc -l < "$(dirname "$0")/$name.arguments")
ready() {
  printf '%s\n%s\n' "$1" 127.0.0.1:9 > "$port_file.tmp"
  mv "$port_file.tmp" "$port_file"
}
result() { echo "$1" > "$run_dir/result.json.tmp"; mv "$run_dir/result.json.tmp" "$run_dir/result.json"; }
)";

}  // namespace

ClusterTest::ClusterTest() {
  folder_ = NewTestPath();
  std::filesystem::create_directories(folder_ + "/run");
  options_.run_dir = folder_ + "/run";
  options_.programs = {folder_ + "/learner", {folder_ + "/envserver"}, folder_ + "/actor"};
  options_.config.cluster.env_servers = 2;
  options_.config.cluster.actors = 2;
  options_.config.cluster.restart_backoff_s = 0.01;
  options_.config.cluster.progress_every_s = 0.05;
  options_.config.evaluation.stop_at_success_rate = 0.95;
  options_.stop_within = absl::Seconds(1);
  options_.config.learner.listen = "127.0.0.1:0";
  Script("learner", std::string("ready 127.0.0.1:71\n") + kLive);
  Script("envserver", std::string("ready 127.0.0.1:72\n") + kLive);
  Script("actor", std::string("ready -\n") + kLive);
}

void ClusterTest::Script(const std::string& name, const std::string& body) {
  std::ofstream(folder_ + "/" + name) << kPrelude << body;
  chmod((folder_ + "/" + name).c_str(), 0755);
}

int ClusterTest::Run() {
  const std::string path = folder_ + "/output";
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  Terminal terminal(fd);
  Cluster cluster(options_, &status_, &health_, &terminal, &loop_);
  cluster_ = &cluster;
  const int exit_status = cluster.Run();
  close(fd);
  text_ = *ReadWholeFile(path);
  output_ = absl::StrSplit(text_, '\n', absl::SkipEmpty());
  return exit_status;
}

std::vector<std::string> ClusterTest::Starts(const std::string& name) {
  return absl::StrSplit(*ReadWholeFile(folder_ + "/" + name + ".arguments"), '\n',
                        absl::SkipEmpty());
}

}  // namespace armature
