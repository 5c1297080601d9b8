#include "common/config/compose.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ComposeTest : public testing::Test {
 protected:
  ComposeTest() {
    std::filesystem::remove_all(folder_);
    Write("arm/left.yaml", "a: left\n");
    Write("arm/right.yaml", "a: right\n");
    Write("arm/long.yaml", "defaults: [right]\nb: long\n");
    Write("hand/open.yaml", "h: open\n");
  }

  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = folder_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  // Returns the composed texts without blank lines.
  std::vector<std::string> Texts(const std::map<std::string, std::string>& choices = {}) {
    const auto texts = Compose(folder_ + "/main.yaml", ConfigFolders({folder_}), choices);
    EXPECT_TRUE(texts.ok()) << texts.status();
    std::vector<std::string> result;
    if (!texts.ok()) return result;
    for (const ConfigText& text : *texts) {
      result.push_back(
          text.text.substr(std::min(text.text.size(), text.text.find_first_not_of('\n'))));
    }
    return result;
  }

  std::string Error(const std::map<std::string, std::string>& choices = {}) {
    return std::string(
        Compose(folder_ + "/main.yaml", ConfigFolders({folder_}), choices).status().message());
  }

  const std::string folder_ = testing::TempDir() + "/compose";
};

TEST_F(ComposeTest, AFileWithoutDefaultsIsAllThereIs) {
  Write("main.yaml", "x: 1\n");
  EXPECT_THAT(Texts(), ElementsAre("x: 1\n"));
}

TEST_F(ComposeTest, AMissingFileIsNotFound) {
  for (const char* path : {"/nonexistent.yaml", "/"}) {
    EXPECT_EQ(Compose(path, ConfigFolders({folder_}), {}).status().code(),
              absl::StatusCode::kNotFound);
  }
}

TEST_F(ComposeTest, AnEmptyFileChangesNothing) {
  Write("main.yaml", "");
  EXPECT_THAT(Texts(), ElementsAre(""));
}

TEST_F(ComposeTest, SelfStandsWhereTheListSaysElseAtTheEnd) {
  Write("main.yaml", "defaults:\n  - arm: left\n\nx: 1\n");
  EXPECT_THAT(Texts(), ElementsAre("a: left\n", "x: 1\n"));
  Write("main.yaml", "defaults:\n  - _self_\n  - arm: left\nx: 1\n");
  EXPECT_THAT(Texts(), ElementsAre("x: 1\n", "a: left\n"));
}

TEST_F(ComposeTest, AChoiceReplacesTheOptionOfTheListElseComesLast) {
  Write("main.yaml", "defaults:\n  - arm: left\nx: 1\n");
  EXPECT_THAT(Texts({{"arm", "right"}, {"hand", "open"}}),
              ElementsAre("a: right\n", "x: 1\n", "h: open\n"));
}

TEST_F(ComposeTest, AFilesListNamesFilesOfItsOwnGroup) {
  Write("main.yaml", "defaults:\n  - arm: left\n");
  EXPECT_THAT(Texts({{"arm", "long"}}), ElementsAre("a: right\n", "b: long\n", ""));
}

TEST_F(ComposeTest, TheOptionChosenStandsInNamesAndValues) {
  Write("main.yaml", "defaults:\n  - arm: left\n  - optional with_${arm}\nn: ${arm}-arm\n");
  Write("with_right.yaml", "r: 1\n");
  EXPECT_THAT(Texts(), ElementsAre("a: left\n", "n: left-arm\n"));
  EXPECT_THAT(Texts({{"arm", "right"}}), ElementsAre("a: right\n", "r: 1\n", "n: right-arm\n"));
  Write("main.yaml", "n: ${leg}\n");
  EXPECT_THAT(Error(), HasSubstr("'${leg}': no option of that group is chosen"));
}

TEST_F(ComposeTest, AnOverrideInAListReplacesWhatAListBelowChooses) {
  Write("base.yaml", "defaults:\n  - arm: left\n  - hand: open\nx: 1\n");
  for (const char* item : {"override arm: right", "override /arm: right"}) {
    Write("main.yaml", std::string("defaults:\n  - base\n  - ") + item + "\ny: 2\n");
    EXPECT_THAT(Texts(), ElementsAre("a: right\n", "h: open\n", "x: 1\n", "y: 2\n")) << item;
  }
  // The command line beats it, and the outer list beats the inner one.
  EXPECT_THAT(Texts({{"arm", "left"}}), ElementsAre("a: left\n", "h: open\n", "x: 1\n", "y: 2\n"));
  Write("outer.yaml", "");
  Write("main.yaml", "defaults:\n  - middle\n  - override arm: left\n");
  Write("middle.yaml", "defaults:\n  - base\n  - override arm: right\n");
  EXPECT_THAT(Texts(), ElementsAre("a: left\n", "h: open\n", "x: 1\n", "", ""));
}

TEST_F(ComposeTest, AnOverrideOfWhatNoListChoosesIsRefused) {
  Write("main.yaml", "x: 1\ndefaults:\n  - override arm: right\n");
  EXPECT_THAT(Error(),
              AllOf(HasSubstr("main.yaml:3: 'override arm': no list chooses of that group"),
                    HasSubstr("write 'arm: right'")));
}

TEST_F(ComposeTest, HydrasOtherFormsOfAnItemWorkOrAreNamed) {
  Write("main.yaml", "defaults:\n  - /arm: left\n  - optional hand: none\n  - arm: null\nx: 1\n");
  EXPECT_THAT(Texts(), ElementsAre("a: left\n", "x: 1\n"));
  Write("main.yaml", "defaults:\n  - hand: null\nx: 1\n");
  EXPECT_THAT(Texts({{"hand", "open"}}), ElementsAre("h: open\n", "x: 1\n"));
  Write("main.yaml", "defaults:\n  - arm@left_arm: left\n");
  EXPECT_THAT(Error(),
              HasSubstr("main.yaml:2: 'arm@left_arm: left': an option sets keys by their full "
                        "names; write 'arm: left'"));
}

TEST_F(ComposeTest, LinesKeepTheirNumbers) {
  Write("main.yaml", "# one\ndefaults:\n  - arm: left\nx: 1\n");
  const auto texts = Compose(folder_ + "/main.yaml", ConfigFolders({folder_}), {});
  ASSERT_TRUE(texts.ok());
  EXPECT_EQ(texts->back().text, "# one\n\n\nx: 1\n");
}

TEST_F(ComposeTest, WhatIsMissingIsNamedWithWhatThereIs) {
  Write("main.yaml", "x: 1\ndefaults:\n  - arm: rihgt\n");
  EXPECT_THAT(Error(), AllOf(HasSubstr("main.yaml:3: no arm 'rihgt'"),
                             HasSubstr("left, long, right"), HasSubstr("did you mean 'right'?")));
  Write("main.yaml", "x: 1\n");
  EXPECT_THAT(Error({{"leg", "left"}}), HasSubstr("no group 'leg': there are arm, hand"));
  EXPECT_THAT(Error({{"arm", "top"}}), HasSubstr("no arm 'top': expected one of"));
  Write("main.yaml", "defaults:\n  - base\n");
  EXPECT_THAT(Error(), HasSubstr("no configuration 'base': expected a file or one of main"));
}

TEST_F(ComposeTest, MalformedListsAreRefusedWithTheirLine) {
  for (const char* text : {"defaults: left\n", "defaults:\n  arm: left\n", "defaults:\n  - [a]\n",
                           "{x: 1, defaults: [base]}\n"}) {
    Write("main.yaml", text);
    EXPECT_THAT(Error(), HasSubstr("defaults: expected a list")) << text;
  }
  Write("main.yaml", "defaults: [\n");
  EXPECT_THAT(Error(), HasSubstr("not YAML"));
}

TEST_F(ComposeTest, ListsThatLeadBackAreRefused) {
  Write("main.yaml", "defaults: [other]\n");
  Write("other.yaml", "defaults: [main]\n");
  EXPECT_THAT(Error(), AllOf(HasSubstr("other.yaml"), HasSubstr("lead back to")));
}

TEST_F(ComposeTest, OfTwoFoldersTheFirstOnesFileIsMeant) {
  Write("main.yaml", "defaults:\n  - arm: left\n");
  Write("mine/arm/left.yaml", "a: mine\n");
  const ConfigFolders folders({folder_ + "/mine", folder_});
  const auto texts = Compose(folder_ + "/main.yaml", folders, {});
  ASSERT_TRUE(texts.ok());
  EXPECT_EQ(texts->front().text, "a: mine\n");
  EXPECT_THAT(folders.Groups(), ElementsAre("arm", "hand"));
  EXPECT_THAT(folders.Options("arm"), ElementsAre("left", "long", "right"));
}

}  // namespace
}  // namespace armature
