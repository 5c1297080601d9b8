#include "deploy/launcher/report/saved_report.h"

#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/files/testing/test_path.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class SavedReportTest : public testing::Test {
 protected:
  // Makes a run's folder with checkpoints of these env steps, like RunCheckpoint's.
  std::string Run(const std::string& name, const std::vector<uint64_t>& checkpoints) {
    const std::string folder = NewTestPath("/" + name);
    std::filesystem::create_directories(folder + "/checkpoints");
    for (const uint64_t env_steps : checkpoints) {
      Write(folder,
            absl::StrCat(R"({"__metadata__": {"counters": "{\"env_steps\": )", env_steps,
                         R"(}"}, "x": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}})"));
    }
    return folder;
  }
  void Write(const std::string& folder, const std::string& header) {
    std::ofstream file(
        absl::StrCat(folder, "/checkpoints/checkpoint_00000", ++number_, ".safetensors"),
        std::ios::binary);
    const uint64_t bytes = header.size();
    file.write(reinterpret_cast<const char*>(&bytes), sizeof(bytes)) << header << "1234";
  }

  int number_ = 0;
};

TEST_F(SavedReportTest, AllIsSavedWhereTheNewestCheckpointHasWhatWasReached) {
  EXPECT_EQ(SavedSentence(FindSaved({Run("a", {1000, 12345})}, {12345})),
            "all 12,345 env steps are saved");
  // The learner's last report may be older.
  EXPECT_EQ(SavedSentence(FindSaved({Run("a", {1000, 12345})}, {12000})),
            "all 12,345 env steps are saved");
}

TEST_F(SavedReportTest, WhatCameAfterTheNewestCheckpointIsLost) {
  EXPECT_EQ(SavedSentence(FindSaved({Run("a", {1000, 10000})}, {12345})),
            "the newest checkpoint has 10,000 of 12,345 env steps: the last 2,345 are lost");
}

TEST_F(SavedReportTest, WithoutACheckpointAllIsLost) {
  EXPECT_EQ(SavedSentence(FindSaved({Run("a", {})}, {2345})),
            "no checkpoint was written: 2,345 env steps are lost");
}

TEST_F(SavedReportTest, ACheckpointThatCannotBeReadIsNoneAndTheOneBeforeCounts) {
  const std::string run = Run("a", {1000});
  Write(run, "{\"__metadata__\": {\"counters\": \"nonsense\"}}");
  Write(run, "{ cut sho");
  EXPECT_EQ(SavedSentence(FindSaved({run}, {1500})),
            "the newest checkpoint has 1,000 of 1,500 env steps: the last 500 are lost");
}

TEST_F(SavedReportTest, ReplicasAreAdded) {
  EXPECT_EQ(SavedSentence(FindSaved({Run("a", {1000}), Run("b", {})}, {1000, 20})),
            "the newest checkpoint has 1,000 of 1,020 env steps: the last 20 are lost");
}

}  // namespace
}  // namespace armature
