// A Cluster whose children are shell scripts that behave as each test needs.
#ifndef ARMATURE_DEPLOY_LAUNCHER_TESTING_CLUSTER_FIXTURE_H_
#define ARMATURE_DEPLOY_LAUNCHER_TESTING_CLUSTER_FIXTURE_H_

#include <functional>
#include <string>
#include <vector>

#include "deploy/launcher/cluster.h"
#include "gtest/gtest.h"

namespace armature {

// Bodies of scripts: until it is killed; a learner that has solved its task.
constexpr char kLive[] = "exec sleep 1000\n";
constexpr char kSolved[] =
    R"(result '{"target_reached": true, "success_rate": 0.97, "return_mean": 1, "env_steps": 5,
                "wall_s": 2}')"
    "\n";

// Answers at once, and runs the test's hook.
class FakeStatus : public StatusSource {
 public:
  void Ask(const std::string& address, OnStatus on_status) override {
    v1::StatusResponse status;
    status.set_env_steps(++asked_);
    status.set_waiting(address);
    on_ask_(asked_);
    if (change_) change_(status);
    on_status(status);
  }
  std::function<void(int)> on_ask_ = [](int) {};
  std::function<void(v1::StatusResponse&)> change_;

 private:
  int asked_ = 0;
};

// Answers for all processes except those that the test has frozen.
class FakeHealth : public HealthSource {
 public:
  void Ask(const std::string& rpc_address, const std::string& metrics_address, absl::Duration,
           OnAnswer on_answer) override {
    if (!is_frozen_(rpc_address, metrics_address)) on_answer();
  }
  std::function<bool(const std::string&, const std::string&)> is_frozen_ =
      [](const std::string&, const std::string&) { return false; };
};

class ClusterTest : public testing::Test {
 protected:
  // Two env servers and two actors; all children run until they are told to end.
  ClusterTest();

  // Writes the program `name`. Its body has the flags in $all, how often it was started in $runs,
  // and the functions `ready ADDRESS` and `result JSON`.
  void Script(const std::string& name, const std::string& body);

  // Runs to the end; then `output_` has the terminal's lines.
  int Run();

  // Returns the flags of every start of a program.
  std::vector<std::string> Starts(const std::string& name);

  std::string folder_;
  Cluster::Options options_;
  EventLoop loop_;
  FakeStatus status_;
  FakeHealth health_;
  Cluster* cluster_ = nullptr;
  std::string text_;
  std::vector<std::string> output_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_TESTING_CLUSTER_FIXTURE_H_
