#include "learner/run/run_finder.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/run/run_index.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

class RunFinderTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = NewTestPath();
    setenv("XDG_STATE_HOME", (root_ + "/state").c_str(), 1);
    cases_ = nlohmann::json::parse(ReadWholeFile("learner/run/testdata/find_run.json").value());
    for (const auto& [path, content] : cases_["files"].items()) {
      std::filesystem::create_directories(std::filesystem::path(root_ + "/" + path).parent_path());
      std::ofstream(root_ + "/" + path) << content.get<std::string>();
    }
    for (const std::string path : cases_["index"]) {
      ASSERT_TRUE(RememberRun(InRoot(path)).ok());
    }
  }
  std::string InRoot(const std::string& text) const {
    return absl::StrReplaceAll(text, {{"{root}", root_}});
  }

  std::string root_;
  nlohmann::json cases_;
};

TEST_F(RunFinderTest, AWordMeansWhatTheCasesSay) {
  for (const nlohmann::json& each : cases_["cases"]) {
    const absl::StatusOr<std::string> found = FindRun(InRoot(each["run"]), root_ + "/outputs");
    if (each.contains("found")) {
      ASSERT_TRUE(found.ok()) << each["why"] << found.status();
      EXPECT_EQ(*found, InRoot(each["found"])) << each["why"];
    } else {
      EXPECT_THAT(std::string(found.status().message()), HasSubstr(std::string(each["error"])));
    }
  }
}

TEST_F(RunFinderTest, RunsAreListedNewestFirstHoweverDeep) {
  const std::vector<FoundRun> runs = ListRuns(root_ + "/outputs");
  ASSERT_EQ(runs.size(), 9u);
  EXPECT_EQ(runs[0].name, "damaged");
  EXPECT_EQ(runs[1].name, "group/first");
  EXPECT_THAT(runs[2].path, EndsWith("sweeps/20260401-000000/000-seed_1"));
  EXPECT_EQ(runs[8].run_id, "aaaa000000000001");
  EXPECT_TRUE(ListRuns(root_ + "/none").empty());
}

TEST_F(RunFinderTest, ARefusalSaysWhereItHasLooked) {
  const std::string refusal(FindRun("zzz", root_ + "/outputs").status().message());
  EXPECT_THAT(refusal, HasSubstr(absl::StrCat("below ", root_, "/outputs or in ", RunIndexPath())));
}

}  // namespace
}  // namespace armature
