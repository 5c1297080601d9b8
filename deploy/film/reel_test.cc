#include "deploy/film/reel.h"

#include <gif_lib.h>

#include <algorithm>

#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReelTest : public testing::Test {
 protected:
  ReelOptions Options() {
    ReelOptions options;
    options.paths = {path_};
    return options;
  }
  // Ends `steps` steps, as a film does; returns which were written.
  static std::vector<int> Written(Reel* reel, int steps) {
    std::vector<int> written;
    for (int step = 0; step < steps; ++step) {
      const bool is_due = reel->IsDue();
      if (is_due) written.push_back(step);
      EXPECT_TRUE(reel->EndStep(is_due).ok());
    }
    return written;
  }

  const std::string path_ = NewTestPath(".gif");
};

TEST_F(ReelTest, EnvironmentsStandSideBySideRowByRow) {
  Reel reel(Options(), 3);
  ASSERT_TRUE(reel.Open({2, 1}, 0.1).ok());
  EXPECT_EQ(reel.columns(), 2);
  EXPECT_EQ(reel.rows(), 2);
  for (int i = 0; i < 3; ++i) {
    const absl::Span<uint8_t> picture = reel.picture(i);
    std::fill(picture.begin(), picture.end(), static_cast<uint8_t>(64 * (i + 1)));
  }
  ASSERT_TRUE(reel.EndStep(true).ok());
  ASSERT_TRUE(reel.Close().ok());
  int error = 0;
  GifFileType* const gif = DGifOpenFileName(path_.c_str(), &error);
  ASSERT_NE(gif, nullptr);
  ASSERT_EQ(DGifSlurp(gif), GIF_OK);
  const SavedImage& image = gif->SavedImages[0];
  std::vector<int> grey;
  for (int i = 0; i < 8; ++i) {
    grey.push_back((image.ImageDesc.ColorMap->Colors[image.RasterBits[i]].Red + 32) / 64);
  }
  EXPECT_THAT(grey, ElementsAre(1, 1, 2, 2, 3, 3, 0, 0));
  DGifCloseFile(gif, &error);
}

TEST_F(ReelTest, StepsBeyondTheRateAreLeftOutAndTheRestIsShownAtTheRobotsPace) {
  Reel reel(Options(), 1);
  ASSERT_TRUE(reel.Open({1, 1}, 0.01).ok());
  EXPECT_THAT(Written(&reel, 10), ElementsAre(0, 4, 8));
  EXPECT_THAT(reel.Summary(), HasSubstr("3 pictures, 0.12 s"));
}

TEST_F(ReelTest, StepsThatAGifCannotShowInTimeAreLeftOut) {
  ReelOptions options = Options();
  options.frames_per_s_max = 1000;
  Reel reel(options, 1);
  ASSERT_TRUE(reel.Open({1, 1}, 0.01).ok());
  EXPECT_THAT(Written(&reel, 10), ElementsAre(0, 2, 4, 6, 8));
  ASSERT_TRUE(reel.Close().ok());
  int error = 0;
  GifFileType* const gif = DGifOpenFileName(path_.c_str(), &error);
  ASSERT_NE(gif, nullptr);
  ASSERT_EQ(DGifSlurp(gif), GIF_OK);
  ASSERT_EQ(gif->ImageCount, 5);
  for (int i = 0; i < gif->ImageCount; ++i) {
    GraphicsControlBlock control;
    ASSERT_EQ(DGifSavedExtensionToGCB(gif, i, &control), GIF_OK);
    EXPECT_EQ(control.DelayTime, 2);
  }
  DGifCloseFile(gif, &error);
}

TEST_F(ReelTest, ARateThatTheStepsHaveLeavesNoneOut) {
  Reel reel(Options(), 1);
  ASSERT_TRUE(reel.Open({1, 1}, 1.0 / 30).ok());
  EXPECT_THAT(Written(&reel, 3), ElementsAre(0, 1, 2));
}

TEST_F(ReelTest, TwiceTheSpeedIsHalfTheTime) {
  ReelOptions options = Options();
  options.speed = 2;
  Reel reel(options, 1);
  ASSERT_TRUE(reel.Open({1, 1}, 0.1).ok());
  Written(&reel, 10);
  EXPECT_THAT(reel.Summary(), HasSubstr("10 pictures, 0.5 s"));
}

TEST_F(ReelTest, AnotherEndingIsRefused) {
  ReelOptions options;
  options.paths = {"robot.avi"};
  Reel reel(options, 1);
  EXPECT_EQ(reel.Open({1, 1}, 0.1).message(),
            "robot.avi: expected a name that ends in .mp4 or .gif");
}

}  // namespace
}  // namespace armature
