#include "learner/run/run_folder.h"

#include <filesystem>
#include <string>

#include "absl/time/civil_time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(RunFolder, TwoRunsOfOneSecondGetTheirOwn) {
  const std::string output = testing::TempDir() + "/outputs";
  std::filesystem::remove_all(output);
  const absl::Time now =
      absl::FromCivil(absl::CivilSecond(2026, 1, 2, 3, 4, 5), absl::LocalTimeZone());
  const auto first = MakeRunFolder(output, "reach", now);
  const auto second = MakeRunFolder(output, "reach", now);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(*first, EndsWith("/reach/20260102-030405"));
  EXPECT_THAT(*second, EndsWith("/reach/20260102-030405-2"));
  EXPECT_TRUE(std::filesystem::is_directory(*first));
  EXPECT_TRUE(std::filesystem::is_directory(*second));
}

TEST(RunFolder, AnUnusablePlaceIsNamed) {
  EXPECT_THAT(MakeRunFolder("/proc/x", "reach", absl::Now()).status().message(),
              HasSubstr("/proc/x/reach"));
  EXPECT_THAT(MakeFolder("/proc/x").status().message(), HasSubstr("/proc/x"));
}

TEST(RunFolder, WhatBroughtAnUnusablePlaceAboutIsNamed) {
  const auto refusal = [](const RunPlace& place) {
    return std::string(MakeRunFolder(place, absl::Now()).status().message());
  };
  EXPECT_THAT(refusal({"", "", "/proc/x", "reach"}),
              StartsWith("run.output_dir=/proc/x: cannot make the folder /proc/x/reach: "));
  EXPECT_THAT(refusal({"", "/proc/y", "/proc/x", "reach"}),
              StartsWith("--run_dir /proc/y: cannot make the folder /proc/y: "));
  EXPECT_THAT(refusal({"/proc/z", "", "/proc/x", "reach"}),
              StartsWith("--resume /proc/z: cannot make the folder /proc/z: "));
}

TEST(RunFolder, OneThatIsThereIsTakenAsItIs) {
  const std::string path = testing::TempDir() + "/there";
  ASSERT_EQ(MakeFolder(path).value(), path);
  EXPECT_EQ(MakeFolder(path).value(), path);
}

}  // namespace
}  // namespace armature
