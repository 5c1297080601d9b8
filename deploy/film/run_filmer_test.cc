#include "deploy/film/run_filmer.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "common/files/testing/test_path.h"
#include "common/scene/episode_file.h"
#include "common/scene/scene_messages.h"
#include "common/spec/env_spec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/run/run_videos.h"

namespace armature {
namespace {

using ::testing::UnorderedElementsAre;

// A recorded episode of two states.
std::string Episode() {
  Scene scene;
  scene.bodies = {{"box", false}};
  scene.shapes.resize(1);
  EnvSpec spec;
  spec.id = "box";
  spec.control_period_s = 0.1;
  spec.observation = {{"position", v1::DTYPE_FLOAT32, {1}, {}, {}}};
  spec.action.low = {-1};
  spec.action.high = {1};
  std::vector<v1::WatchResponse> messages(3);
  *messages[0].mutable_opened()->mutable_spec() = spec.ToProto();
  *messages[0].mutable_opened()->mutable_scene() = SceneMessage(scene);
  for (int step = 0; step < 2; ++step) {
    SlotFrame frame;
    frame.scene = std::make_shared<Scene>(scene);
    frame.view.poses = {kNoPose};
    frame.episode_step = step;
    frame.truncated = step == 1;
    EXPECT_TRUE(WriteFrame(frame, scene, messages[step + 1].mutable_frame()).ok());
  }
  return PackEpisodes(messages).value_or("");
}

class RunFilmerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(run_dir_);
    ASSERT_TRUE(SaveRecording(run_dir_, 5, Episode()).ok());
  }
  void HaveTensorBoard() { std::ofstream(run_dir_ + "/events.out.tfevents.1.x") << ""; }
  // In videos/; TensorBoard's without the end of its name.
  std::vector<std::string> Files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(videos_)) {
      const std::string name = entry.path().filename();
      names.push_back(absl::StartsWith(name, "events.") ? "events" : name);
    }
    return names;
  }

  const std::string run_dir_ = NewTestPath();
  const std::string videos_ = run_dir_ + kVideosFolder;
};

TEST_F(RunFilmerTest, EveryRecordingBecomesAVideoAndAnImageAndNothingElseIsLeft) {
  HaveTensorBoard();
  // Of one that was killed.
  std::ofstream(videos_ + "/.video.mp4") << "whole, but not in its place";
  std::ofstream(videos_ + "/..video.mp4.99.0.part") << "half";
  std::ofstream(videos_ + "/..animation.gif.99.0.part") << "half";
  RunFilmer filmer(run_dir_);
  EXPECT_TRUE(filmer.FilmNext().value());
  EXPECT_FALSE(filmer.FilmNext().value());
  EXPECT_THAT(Files(), UnorderedElementsAre("step_5.episodes", "step_5.mp4", "events"));
}

TEST_F(RunFilmerTest, AVideoComesAfterItsImageSinceItMarksBothAsDone) {
  HaveTensorBoard();
  const int watch = inotify_init1(IN_NONBLOCK);
  ASSERT_GE(inotify_add_watch(watch, videos_.c_str(), IN_MODIFY | IN_MOVED_TO), 0);
  RunFilmer filmer(run_dir_);
  ASSERT_TRUE(filmer.FilmNext().value());
  alignas(inotify_event) char bytes[1 << 16];
  const ssize_t size = read(watch, bytes, sizeof(bytes));
  std::string last;
  for (ssize_t at = 0; at < size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(bytes + at);
    last = event->name;
    at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
  }
  EXPECT_EQ(last, "step_5.mp4");
  close(watch);
}

TEST_F(RunFilmerTest, OneFilmsARunAtATimeAndAnotherGoesOnWhenItHasEnded) {
  RunFilmer second(run_dir_);
  {
    RunFilmer first(run_dir_);
    EXPECT_TRUE(first.FilmNext().value());
    ASSERT_TRUE(SaveRecording(run_dir_, 6, Episode()).ok());
    EXPECT_FALSE(second.FilmNext().value());
  }
  EXPECT_TRUE(second.FilmNext().value());
  EXPECT_THAT(Files(), UnorderedElementsAre("step_5.episodes", "step_5.mp4", "step_6.episodes",
                                            "step_6.mp4"));
}

TEST_F(RunFilmerTest, ARunWithoutRecordingsHasNothingToFilm) {
  std::filesystem::remove_all(videos_);
  RunFilmer filmer(run_dir_);
  EXPECT_FALSE(filmer.FilmNext().value());
  ASSERT_TRUE(SaveRecording(run_dir_, 5, Episode()).ok());
  EXPECT_TRUE(filmer.FilmNext().value());
}

}  // namespace
}  // namespace armature
