#include "learner/run/run_directory.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/files/atomic_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::string NewPath(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::remove_all(path);
  return path;
}

TEST(RunDirectory, RunIdAndUsedPolicyVersionsSurviveAKill) {
  const std::string path = NewPath("killed");
  std::string run_id;
  {
    auto directory = RunDirectory::Open(path).value();
    EXPECT_EQ(directory->policy_versions_used(), 0u);
    for (uint64_t version = 1; version <= 1500; ++version) {
      ASSERT_TRUE(directory->ReservePolicyVersion(version).ok());
    }
    run_id = directory->run_id();
  }
  const auto resumed = RunDirectory::Open(path).value();
  EXPECT_EQ(resumed->run_id(), run_id);
  EXPECT_GE(resumed->policy_versions_used(), 1500u);
  EXPECT_LT(resumed->policy_versions_used(), 3000u);
}

TEST(RunDirectory, AfterAnEndInOrderVersionsGoOnWithoutAGap) {
  const std::string path = NewPath("in_order");
  {
    auto directory = RunDirectory::Open(path).value();
    for (uint64_t version = 1; version <= 7; ++version) {
      ASSERT_TRUE(directory->ReservePolicyVersion(version).ok());
    }
    ASSERT_TRUE(directory->ReleasePolicyVersionsAfter(7).ok());
  }
  auto directory = RunDirectory::Open(path).value();
  EXPECT_EQ(directory->policy_versions_used(), 7u);
  ASSERT_TRUE(directory->ReservePolicyVersion(8).ok());
  directory.reset();
  EXPECT_GE(RunDirectory::Open(path).value()->policy_versions_used(), 8u);
}

TEST(RunDirectory, WhatAKilledProcessLeftHalfWrittenIsRemoved) {
  const std::string path = NewPath("half_written");
  RunDirectory::Open(path).value();
  for (const char* name :
       {"/checkpoints/checkpoint_000001.safetensors", "/models/model_7.safetensors"}) {
    std::ofstream(path + name) << "whole";
    std::ofstream(path + name + ".tmp") << "half";
  }
  RunDirectory::Open(path).value();
  for (const char* name :
       {"/checkpoints/checkpoint_000001.safetensors", "/models/model_7.safetensors"}) {
    EXPECT_TRUE(std::filesystem::exists(path + name));
    EXPECT_FALSE(std::filesystem::exists(path + name + ".tmp"));
  }
}

TEST(RunDirectory, ThereIsAnEventFileOnlyWhereItWasAskedFor) {
  const std::string path = NewPath("events");
  const auto has_events = [&path] {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().filename().string().rfind("events.", 0) == 0) return true;
    }
    return false;
  };
  auto directory = RunDirectory::Open(path).value();
  ASSERT_TRUE(directory->LogProgress({{"time/fps", 1}}, 1, 1, absl::Now()).ok());
  EXPECT_FALSE(has_events());
  ASSERT_TRUE(directory->WriteEvents(absl::Now()).ok());
  ASSERT_TRUE(directory->LogProgress({{"time/fps", 1}}, 2, 1, absl::Now()).ok());
  EXPECT_TRUE(has_events());
}

void WriteTwoRows(RunDirectory* directory) {
  for (const uint64_t steps : {100, 200}) {
    ASSERT_TRUE(directory->LogProgress({{"x", 1}}, steps, 1, absl::Now()).ok());
    ASSERT_TRUE(directory->LogEvaluation({{"y", 1}}, steps, 1, absl::Now()).ok());
  }
}

TEST(RunDirectory, ARunThatGoesOnForgetsWhatItMakesAgain) {
  const std::string path = NewPath("forgets");
  WriteTwoRows(RunDirectory::Open(path).value().get());
  ASSERT_TRUE(RunDirectory::Open(path).value()->GoOnFrom(150).ok());
  EXPECT_EQ(ReadWholeFile(path + "/progress.csv").value(), "env_steps,wall_s,x\n100,1,1\n");
  EXPECT_EQ(ReadWholeFile(path + "/evaluations.csv").value(), "env_steps,wall_s,y\n100,1,1\n");
}

TEST(RunDirectory, ASecondOneIsRefusedAndChangesNothing) {
  const std::string path = NewPath("held");
  const auto first = RunDirectory::Open(path).value();
  const std::string before = ReadWholeFile(path + "/run.json").value();
  const absl::Status second = RunDirectory::Open(path).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.message(), HasSubstr("is held by process "));
  EXPECT_EQ(ReadWholeFile(path + "/run.json").value(), before);
}

TEST(RunDirectory, WhatARunHadWrittenBeforeItsFirstCheckpointIsPutAside) {
  const std::string path = NewPath("aside");
  WriteTwoRows(RunDirectory::Open(path).value().get());
  for (const char* file : {"/models/model_200.safetensors", "/checkpoints/step_200.safetensors"}) {
    ASSERT_TRUE(WriteDurably(path + file, "x").ok());
  }
  const auto directory = RunDirectory::Open(path).value();
  ASSERT_TRUE(directory->WriteEvents(absl::Now()).ok());
  EXPECT_EQ(directory->PutAside().value(), path + "/earlier_1");
  for (const char* file : {"/progress.csv", "/evaluations.csv", "/models/model_200.safetensors",
                           "/checkpoints/step_200.safetensors"}) {
    EXPECT_TRUE(std::filesystem::exists(path + "/earlier_1" + file)) << file;
    EXPECT_FALSE(std::filesystem::exists(path + file)) << file;
  }
  EXPECT_EQ(directory->PutAside().value(), "");
  WriteTwoRows(directory.get());
  EXPECT_EQ(ReadWholeFile(path + "/progress.csv").value(),
            "env_steps,wall_s,x\n100,1,1\n200,1,1\n");
  EXPECT_EQ(directory->PutAside().value(), path + "/earlier_2");
}

TEST(RunDirectory, AnEarlierEndIsKeptBesideTheNextOne) {
  const std::string path = NewPath("goes_on");
  const auto directory = RunDirectory::Open(path).value();
  EXPECT_TRUE(directory->KeepEarlierResult().ok()) << "there is none";
  RunResult result;
  result.env_steps = 100;
  ASSERT_TRUE(directory->WriteResult(result).ok());
  const std::string first = ReadWholeFile(path + "/result.json").value();
  ASSERT_TRUE(directory->KeepEarlierResult().ok());
  EXPECT_FALSE(std::filesystem::exists(path + "/result.json"));
  result.env_steps = 200;
  ASSERT_TRUE(directory->WriteResult(result).ok());
  EXPECT_EQ(ReadWholeFile(path + "/result_100.json").value(), first);
}

TEST(RunDirectory, NameBeginningAndWhetherItHadACheckpointAreKept) {
  const std::string path = NewPath("identity");
  EXPECT_FALSE(RunDirectory::Open(path, "reach/first").value()->has_checkpointed());
  const auto run = nlohmann::json::parse(ReadWholeFile(path + "/run.json").value());
  EXPECT_EQ(run["name"], "reach/first");
  EXPECT_EQ(run["begun"].get<std::string>().size(), std::string("20260102-030405").size());
  ASSERT_TRUE(RunDirectory::Open(path, "another").value()->NoteCheckpoint().ok());
  EXPECT_TRUE(RunDirectory::Open(path).value()->has_checkpointed());
  EXPECT_EQ(nlohmann::json::parse(ReadWholeFile(path + "/run.json").value())["name"],
            "reach/first");
}

TEST(RunDirectory, ADamagedRunFileIsNamed) {
  const std::string path = NewPath("damaged");
  std::filesystem::create_directories(path);
  std::ofstream(path + "/run.json") << "{\"run_id\": 3";
  const absl::Status status = RunDirectory::Open(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("damaged/run.json"));
}

TEST(RunDirectory, AnUnusablePlaceIsNamed) {
  const absl::Status status = RunDirectory::Open("/proc/x/reach").status();
  EXPECT_THAT(status.message(), HasSubstr("/proc/x/reach"));
}

TEST(RunDirectory, ProgressAndEvaluationsAreRowsAndTheResultIsJson) {
  const std::string path = NewPath("logged");
  auto directory = RunDirectory::Open(path).value();
  ASSERT_TRUE(
      directory
          ->LogProgress({{"time/fps", 100}, {"rollout/ep_rew_mean", kNaN}}, 500, 1.5, absl::Now())
          .ok());
  ASSERT_TRUE(directory->LogEvaluation({{"eval/mean_reward", -3}}, 500, 2, absl::Now()).ok());
  EXPECT_EQ(ReadWholeFile(path + "/progress.csv").value(),
            "env_steps,wall_s,rollout/ep_rew_mean,time/fps\n500,1.5,,100\n");
  EXPECT_EQ(ReadWholeFile(path + "/evaluations.csv").value(),
            "env_steps,wall_s,eval/mean_reward\n500,2,-3\n");
  RunResult result;
  result.target_reached = true;
  result.success_rate = 0.96;
  result.return_mean = kNaN;
  result.reason = "success_rate 0.96";
  ASSERT_TRUE(directory->WriteResult(result).ok());
  const auto json = nlohmann::json::parse(ReadWholeFile(path + "/result.json").value());
  EXPECT_EQ(json["success_rate"], 0.96);
  EXPECT_TRUE(json["return_mean"].is_null());
  EXPECT_EQ(json["target_reached"], true);
}

}  // namespace
}  // namespace armature
