#include "deploy/launcher/command_line.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Split(absl::string_view text) {
  const auto words = SplitCommand(text);
  EXPECT_TRUE(words.ok()) << words.status();
  return words.value_or(std::vector<std::string>{});
}

TEST(SplitCommand, BlanksSeparateWords) {
  EXPECT_THAT(Split("  serve --env\tPendulum-v1\n"), ElementsAre("serve", "--env", "Pendulum-v1"));
}

TEST(SplitCommand, QuotesAndBackslashesKeepWordsTogether) {
  EXPECT_THAT(Split(R"(a 'b c' "d e" f\ g)"), ElementsAre("a", "b c", "d e", "f g"));
  EXPECT_THAT(Split(R"(--config='{"a": 1}' "")"), ElementsAre(R"(--config={"a": 1})", ""));
  EXPECT_THAT(Split(R"("a\"b\\c\n" '\')"), ElementsAre(R"(a"b\c\n)", R"(\)"));
}

TEST(SplitCommand, WhatAShellWouldExpandStaysAsItIs) {
  EXPECT_THAT(Split("serve $HOME * ; rm"), ElementsAre("serve", "$HOME", "*", ";", "rm"));
}

TEST(SplitCommand, AnOpenQuoteOrNoWordIsRefused) {
  EXPECT_THAT(SplitCommand("serve 'Pend").status().message(), HasSubstr("never closed"));
  EXPECT_THAT(SplitCommand("serve \"Pend\\\"").status().message(), HasSubstr("never closed"));
  EXPECT_FALSE(SplitCommand(" \t").ok());
}

class FindExecutableTest : public testing::Test {
 protected:
  FindExecutableTest() {
    for (const char* name : {"first", "second"}) {
      std::filesystem::create_directories(Folder(name));
      std::ofstream(Folder(name) + "/armature_tool") << "#!/bin/sh\n";
    }
    chmod((Folder("second") + "/armature_tool").c_str(), 0755);
    setenv("PATH",
           absl::StrCat(Folder("none"), ":", Folder("first"), ":", Folder("second")).c_str(), 1);
  }
  ~FindExecutableTest() override { setenv("PATH", path_.c_str(), 1); }

  static std::string Folder(const std::string& name) { return testing::TempDir() + "/" + name; }

  const std::string path_ = std::getenv("PATH");
};

TEST_F(FindExecutableTest, TheFirstInPathThatMayBeExecutedIsTaken) {
  EXPECT_EQ(FindExecutable("armature_tool").value(), Folder("second") + "/armature_tool");
}

TEST_F(FindExecutableTest, APathIsTakenAsItIs) {
  const std::string path = Folder("second") + "/armature_tool";
  EXPECT_EQ(FindExecutable(path).value(), path);
  EXPECT_THAT(FindExecutable(Folder("first") + "/armature_tool").status().message(),
              HasSubstr("no file that may be executed"));
}

TEST_F(FindExecutableTest, OneThatIsNowhereIsNamed) {
  EXPECT_EQ(FindExecutable("armature_nowhere").status().message(),
            "'armature_nowhere' is in no folder of PATH");
}

}  // namespace
}  // namespace armature
