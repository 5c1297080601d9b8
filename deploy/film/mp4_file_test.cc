#include "deploy/film/mp4_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kWidth = 33;  // Odd: a column is added.
constexpr int kHeight = 20;

std::vector<uint8_t> Picture(uint8_t grey) {
  return std::vector<uint8_t>(kWidth * kHeight * 3, grey);
}

std::string OutputOf(const std::string& command) {
  FILE* const pipe = popen(command.c_str(), "r");
  std::string output;
  char buffer[256];
  while (const size_t size = fread(buffer, 1, sizeof(buffer), pipe)) output.append(buffer, size);
  pclose(pipe);
  return output;
}

class Mp4FileTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }

  // A program that takes ffmpeg's place.
  std::string Script(const std::string& text) {
    const std::string path = folder_ + "/program";
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    chmod(path.c_str(), 0755);
    return path;
  }
  std::vector<std::string> Files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().filename() != "program") names.push_back(entry.path().filename());
    }
    return names;
  }

  const std::string folder_ = NewTestPath();
  const std::string path_ = folder_ + "/robot.mp4";
  const VideoFormat format_ = {kWidth, kHeight, 12.5};
};

TEST_F(Mp4FileTest, ItHasThePicturesThatWereAddedForAsLongAsAsked) {
  auto file = Mp4File::Create(path_, format_);
  ASSERT_TRUE(file.ok()) << file.status();
  for (uint8_t grey : {40, 120, 200, 240, 90}) ASSERT_TRUE((*file)->Add(Picture(grey)).ok());
  EXPECT_FALSE(std::filesystem::exists(path_)) << "it is not complete";
  ASSERT_EQ((*file)->Close(), absl::OkStatus());
  EXPECT_EQ(OutputOf("ffprobe -v error -count_frames -show_entries "
                     "stream=codec_name,width,height,pix_fmt,r_frame_rate,duration,nb_read_frames "
                     "-of csv=p=0 " +
                     path_),
            "h264,34,20,yuv420p,25/2,0.400000,5\n");
  // The mean grey of each decoded picture.
  const std::string raw = OutputOf("ffmpeg -v error -i " + path_ +
                                   " -vf crop=32:20:0:0,scale=1:1:flags=area -f rawvideo "
                                   "-pix_fmt gray pipe:1");
  ASSERT_EQ(raw.size(), 5u);
  EXPECT_NEAR(static_cast<uint8_t>(raw[0]), 40, 6);
  EXPECT_NEAR(static_cast<uint8_t>(raw[3]), 240, 6);
  EXPECT_THAT(Files(), testing::ElementsAre("robot.mp4"));
}

TEST_F(Mp4FileTest, WithoutFfmpegOneSentenceSaysWhatToInstall) {
  const auto file = Mp4File::Create(path_, format_, "no-such-ffmpeg");
  EXPECT_TRUE(absl::IsFailedPrecondition(file.status()));
  EXPECT_EQ(file.status().message(),
            "an MP4 needs the program no-such-ffmpeg, which is not installed: apt-get install "
            "ffmpeg; or write a .gif");
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(Mp4FileTest, WhatTheProgramSaysWhenItFailsIsTheErrorAndNoFileIsLeft) {
  auto file = Mp4File::Create(path_, format_,
                              Script("cat > /dev/null; echo first >&2; echo 'No space left' >&2; "
                                     "exit 1"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Add(Picture(1)).ok());
  EXPECT_EQ((*file)->Close().message(), "cannot write " + path_ + ": ffmpeg said: No space left");
  file->reset();
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(Mp4FileTest, AnErrorThatTheProgramOnlySaysIsOne) {
  auto file =
      Mp4File::Create(path_, format_, Script("cat > /dev/null; echo 'Error writing trailer' >&2"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT((*file)->Close().message(), HasSubstr("ffmpeg said: Error writing trailer"));
}

TEST_F(Mp4FileTest, AProgramThatEndsEarlyIsNoticedByTheNextPictures) {
  auto file = Mp4File::Create(path_, format_, Script("echo 'Unknown encoder' >&2; exit 1"));
  ASSERT_TRUE(file.ok()) << file.status();
  absl::Status status;
  while (status.ok()) status = (*file)->Add(Picture(1));
  EXPECT_THAT(status.message(), HasSubstr("ffmpeg said: Unknown encoder"));
  EXPECT_THAT((*file)->Close().message(), HasSubstr("ffmpeg has ended early"));
  file->reset();
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(Mp4FileTest, OneThatIsGivenUpLeavesNothing) {
  auto file = Mp4File::Create(path_, format_);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Add(Picture(1)).ok());
  file->reset();
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(Mp4FileTest, WhatCannotBeWrittenIsNamed) {
  EXPECT_EQ(Mp4File::Create("/no/such/folder/x.mp4", format_).status().message(),
            "cannot write /no/such/folder/x.mp4: No such file or directory");
  EXPECT_THAT(Mp4File::Create(path_, {1, 20, 10}).status().message(), HasSubstr("1 x 20 pixels"));
  EXPECT_THAT(Mp4File::Create(path_, {20, 20, 0}).status().message(),
              HasSubstr("0 pictures a second"));
  auto file = Mp4File::Create(path_, format_);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->Add({1, 2, 3}).message(), "a picture has 3 bytes, expected 1980");
}

}  // namespace
}  // namespace armature
