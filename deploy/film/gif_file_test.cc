#include "deploy/film/gif_file.h"

#include <gif_lib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "common/files/testing/file_size_limit.h"
#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

constexpr int kWidth = 4;
constexpr int kHeight = 3;

// Pixel i of picture n: few enough colours to be exact.
std::vector<uint8_t> Picture(uint8_t n) {
  std::vector<uint8_t> rgb;
  for (uint8_t i = 0; i < kWidth * kHeight; ++i) {
    rgb.insert(rgb.end(), {static_cast<uint8_t>(16 * i), static_cast<uint8_t>(32 * n),
                           static_cast<uint8_t>(i % 2 == 0 ? 255 : 0)});
  }
  return rgb;
}

TEST(GifFileTest, PicturesAreReadBackWithTheirColoursAndTheirTime) {
  const std::string path = testing::TempDir() + "/two.gif";
  auto gif = GifFile::Create(path, {kWidth, kHeight, 25});
  ASSERT_TRUE(gif.ok()) << gif.status();
  ASSERT_TRUE((*gif)->Add(Picture(1)).ok());
  ASSERT_TRUE((*gif)->Add(Picture(2)).ok());
  ASSERT_TRUE((*gif)->Close().ok());

  int error = 0;
  GifFileType* const read = DGifOpenFileName(path.c_str(), &error);
  ASSERT_NE(read, nullptr);
  ASSERT_EQ(DGifSlurp(read), GIF_OK) << GifErrorString(read->Error);
  ASSERT_EQ(read->ImageCount, 2);
  for (int n = 0; n < 2; ++n) {
    GraphicsControlBlock control;
    ASSERT_EQ(DGifSavedExtensionToGCB(read, n, &control), GIF_OK);
    EXPECT_EQ(control.DelayTime, 4);
    const SavedImage& image = read->SavedImages[n];
    ASSERT_EQ(image.ImageDesc.Width, kWidth);
    ASSERT_EQ(image.ImageDesc.Height, kHeight);
    const std::vector<uint8_t> expected = Picture(static_cast<uint8_t>(n + 1));
    for (int i = 0; i < kWidth * kHeight; ++i) {
      const GifColorType& color = image.ImageDesc.ColorMap->Colors[image.RasterBits[i]];
      EXPECT_NEAR(color.Red, expected[3 * i], 8) << "5 bits of each channel are kept";
      EXPECT_NEAR(color.Green, expected[3 * i + 1], 8);
      EXPECT_NEAR(color.Blue, expected[3 * i + 2], 8);
    }
  }
  DGifCloseFile(read, &error);
}

TEST(GifFileTest, OneThatIsGivenUpLeavesWhatWasThereBefore) {
  const std::string folder = NewTestPath();
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/x.gif";
  std::ofstream(path) << "an older film";
  auto gif = GifFile::Create(path, {kWidth, kHeight, 25});
  ASSERT_TRUE((*gif)->Add(Picture(1)).ok());
  const auto text = [&] {
    std::stringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  };
  EXPECT_EQ(text(), "an older film");
  gif->reset();
  EXPECT_EQ(text(), "an older film");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST(GifFileTest, WhyAPictureCouldNotBeWrittenIsStillTheErrorOfClose) {
  const std::string path = NewTestPath(".gif");
  constexpr int kSide = 400;
  auto gif = GifFile::Create(path, {kSide, kSide, 25});
  ASSERT_TRUE(gif.ok()) << gif.status();
  std::vector<uint8_t> noise(kSide * kSide * 3);
  uint32_t random = 1;
  for (uint8_t& value : noise) value = static_cast<uint8_t>((random = 1664525 * random + 1) >> 24);
  absl::Status first, last;
  {
    const FileSizeLimit limit(1000);
    for (int i = 0; first.ok() && i < 10; ++i) first = (*gif)->Add(noise);
    last = (*gif)->Close();
  }
  EXPECT_THAT(std::string(first.message()),
              HasSubstr("cannot write " + path + ": Write failed"));
  EXPECT_EQ(last, first);
  gif->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(GifFileTest, WhatCannotBeWrittenIsNamed) {
  EXPECT_THAT(GifFile::Create("/no/such/folder/x.gif", {4, 3, 10}).status().message(),
              HasSubstr("/no/such/folder/x.gif: No such file or directory"));
  EXPECT_THAT(GifFile::Create("x.gif", {0, 70000, 10}).status().message(),
              HasSubstr("0 x 70000 pixels"));
  EXPECT_EQ(GifFile::Create(testing::TempDir() + "/one.gif", {4, 3, 100}).status().message(),
            "a GIF cannot have 100 pictures a second; expected more than 0 and at most 50");
  auto gif = GifFile::Create(testing::TempDir() + "/one.gif", {kWidth, kHeight, 50});
  ASSERT_TRUE(gif.ok());
  EXPECT_EQ((*gif)->Add({1, 2, 3}).message(), "a picture has 3 bytes, expected 36");
}

}  // namespace
}  // namespace armature
