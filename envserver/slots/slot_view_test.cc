#include "envserver/slots/slot_view.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;

class SlotViewTest : public ::testing::Test {
 protected:
  static SlotFrame Frame(uint64_t episode, int64_t step, bool last = false) {
    SlotFrame frame;
    frame.episode = episode;
    frame.episode_step = step;
    frame.truncated = last;
    return frame;
  }

  std::shared_ptr<FrameBox> Box() {
    return std::make_shared<FrameBox>([this](bool closed) { ++(closed ? closes_ : changes_); });
  }

  // Takes all frames; returns "episode * 100 + step" of each.
  static std::vector<int> TakeAll(FrameBox& box) {
    std::vector<int> taken;
    SlotFrame frame;
    while (box.Take(&frame)) {
      taken.push_back(static_cast<int>(frame.episode * 100 + frame.episode_step));
    }
    return taken;
  }

  int changes_ = 0;
  int closes_ = 0;
  SlotView view_;
};

TEST_F(SlotViewTest, IsWatchedWhileABoxIsThere) {
  EXPECT_FALSE(view_.watched());
  const auto box = Box();
  view_.Add(box);
  EXPECT_TRUE(view_.watched());
  view_.Remove(box.get());
  EXPECT_FALSE(view_.watched());
}

TEST_F(SlotViewTest, EveryBoxGetsTheNewestFrame) {
  const auto one = Box();
  const auto other = Box();
  view_.Add(one);
  view_.Add(other);
  const uint64_t publisher = view_.Adopt();
  view_.Publish(publisher, Frame(0, 1));
  EXPECT_THAT(TakeAll(*one), ElementsAre(1));
  view_.Publish(publisher, Frame(0, 2));
  view_.Publish(publisher, Frame(0, 3));
  EXPECT_THAT(TakeAll(*one), ElementsAre(3));
  EXPECT_THAT(TakeAll(*other), ElementsAre(3));
  EXPECT_EQ(changes_, 6);
}

TEST_F(SlotViewTest, TheLastFrameOfAnEpisodeIsNotDroppedForTheNextEpisodes) {
  const auto box = Box();
  view_.Add(box);
  const uint64_t publisher = view_.Adopt();
  view_.Publish(publisher, Frame(0, 9));
  view_.Publish(publisher, Frame(0, 10, /*last=*/true));
  view_.Publish(publisher, Frame(1, 0));
  view_.Publish(publisher, Frame(1, 1));
  EXPECT_THAT(TakeAll(*box), ElementsAre(10, 101));
  view_.Publish(publisher, Frame(1, 10, /*last=*/true));
  view_.Publish(publisher, Frame(2, 0));
  view_.Publish(publisher, Frame(2, 7, /*last=*/true));
  EXPECT_THAT(TakeAll(*box), ElementsAre(207)) << "only the newest end is kept, and nothing older";
}

TEST_F(SlotViewTest, WhoeverWasReplacedIsNotHeardAnyMore) {
  const auto box = Box();
  view_.Add(box);
  const uint64_t hung = view_.Adopt();
  const uint64_t successor = view_.Adopt();
  view_.Publish(hung, Frame(5, 5));
  view_.Fail(hung, absl::InternalError("late"));
  EXPECT_THAT(TakeAll(*box), ElementsAre());
  EXPECT_FALSE(box->closed().has_value());
  view_.Publish(successor, Frame(0, 1));
  EXPECT_THAT(TakeAll(*box), ElementsAre(1));
}

TEST_F(SlotViewTest, ClosingKeepsFramesAndTheFirstReason) {
  const auto box = Box();
  view_.Add(box);
  const uint64_t publisher = view_.Adopt();
  view_.Publish(publisher, Frame(0, 1));
  view_.Fail(publisher, absl::InternalError("broken"));
  EXPECT_FALSE(view_.watched());
  view_.Close();
  box->Close(absl::OkStatus());
  EXPECT_EQ(closes_, 1);
  EXPECT_EQ(*box->closed(), absl::InternalError("broken"));
  EXPECT_THAT(TakeAll(*box), ElementsAre(1));
}

TEST_F(SlotViewTest, ABoxThatComesAfterTheEndIsClosedAtOnce) {
  view_.Close();
  const auto box = Box();
  view_.Add(box);
  EXPECT_FALSE(view_.watched());
  EXPECT_EQ(*box->closed(), absl::OkStatus());
}

}  // namespace
}  // namespace armature
