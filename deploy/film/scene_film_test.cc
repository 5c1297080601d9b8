#include "deploy/film/scene_film.h"

#include <gif_lib.h>

#include <fstream>

#include "common/files/testing/test_path.h"
#include "common/scene/episode_file.h"
#include "common/scene/scene_messages.h"
#include "deploy/film/sources.h"
#include "gmock/gmock.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A red box that moves, seen by "front" (32 x 24) and "side".
Scene BoxScene(const Colour& colour) {
  Scene scene;
  scene.bodies = {{"box", false}};
  SceneShape box;
  box.colour = colour;
  scene.shapes = {box};
  for (const char* name : {"front", "side"}) {
    SceneCamera camera;
    camera.name = name;
    camera.width_px = 32;
    camera.height_px = 24;
    scene.cameras.push_back(camera);
  }
  return scene;
}

v1::WatchResponse Opened(const Scene& scene) {
  EnvSpec spec;
  spec.id = "box";
  spec.observation = {{"position", v1::DTYPE_FLOAT32, {1}, {}, {}}};
  spec.action.low = {-1};
  spec.action.high = {1};
  spec.control_period_s = 0.1;
  spec.has_scene = true;
  v1::WatchResponse message;
  *message.mutable_opened()->mutable_spec() = spec.ToProto();
  *message.mutable_opened()->mutable_scene() = SceneMessage(scene);
  return message;
}

v1::WatchResponse Frame(const Scene& scene, int step, bool is_last, const Scene* sent = nullptr) {
  SlotFrame frame;
  frame.scene = std::make_shared<Scene>(scene);
  frame.view.poses = {{0.1 * step, 0, 0, 0, 0, 0, 1}};
  frame.episode_step = step;
  frame.return_sum = step;
  frame.truncated = is_last;
  v1::WatchResponse message;
  EXPECT_TRUE(WriteFrame(frame, sent == nullptr ? scene : *sent, message.mutable_frame()).ok());
  return message;
}

class SceneFilmTest : public testing::Test {
 protected:
  void Create(FilmOptions options, int64_t environments = 1) {
    auto film = SceneFilm::Create(options, environments);
    ASSERT_TRUE(film.ok()) << film.status();
    film_ = *std::move(film);
  }
  void Send(int64_t environment, const v1::WatchResponse& message) {
    const absl::Status status = film_->OnMessage(environment, message);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Step(int64_t environment, const v1::WatchResponse& frame) {
    Send(environment, frame);
    EXPECT_EQ(film_->EndStep(), absl::OkStatus());
  }
  // The messages of the recording: O red component of the box, F episode.step.
  std::string Recorded() {
    auto reader = EpisodeReader::Open(episodes_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    std::string all;
    v1::WatchResponse message;
    while ((*reader)->Next(&message).value_or(false)) {
      if (message.has_opened()) {
        all += absl::StrCat("O", message.opened().scene().shape(0).colour(0), " ");
      } else {
        all +=
            absl::StrCat("F", message.frame().episode(), ".", message.frame().episode_step(), " ");
      }
    }
    EXPECT_TRUE((*reader)->is_complete());
    return all;
  }
  // Width, height and number of the GIF's pictures.
  std::vector<int> Gif() {
    int error = 0;
    GifFileType* const gif = DGifOpenFileName(gif_.c_str(), &error);
    EXPECT_EQ(DGifSlurp(gif), GIF_OK);
    std::vector<int> facts = {gif->SWidth, gif->SHeight, gif->ImageCount};
    DGifCloseFile(gif, &error);
    return facts;
  }

  // How red the middle of the GIF's last picture is, less how green, of 255.
  int RednessOfTheMiddle() {
    int error = 0;
    GifFileType* const gif = DGifOpenFileName(gif_.c_str(), &error);
    EXPECT_EQ(DGifSlurp(gif), GIF_OK);
    const SavedImage& last = gif->SavedImages[gif->ImageCount - 1];
    const int middle = gif->SHeight / 2 * gif->SWidth + gif->SWidth / 2;
    const GifColorType colour = last.ImageDesc.ColorMap->Colors[last.RasterBits[middle]];
    DGifCloseFile(gif, &error);
    return colour.Red - colour.Green;
  }

  const std::string gif_ = NewTestPath(".gif");
  const std::string episodes_ = NewTestPath(".episodes");
  const Scene red_ = BoxScene({1, 0, 0, 1});
  const Scene green_ = BoxScene({0, 1, 0, 1});
  std::unique_ptr<SceneFilm> film_;
};

TEST_F(SceneFilmTest, EveryStepIsAPictureAndEveryEpisodeARecordedOne) {
  FilmOptions options;
  options.paths = {gif_, episodes_};
  Create(options);
  for (int episode = 0; episode < 2; ++episode) {
    ASSERT_TRUE(film_->BeginEpisodes().ok());
    Send(0, Opened(red_));
    for (int step = 0; step < 3; ++step) Step(0, Frame(red_, step, step == 2));
  }
  ASSERT_TRUE(film_->Close().ok());
  EXPECT_THAT(Gif(), ElementsAre(32, 24, 6));
  EXPECT_EQ(Recorded(), "O1 F0.0 F0.1 F0.2 F1.0 F1.1 F1.2 ") << "one scene, given once";
  EXPECT_THAT(film_->Summary(),
              ElementsAre(HasSubstr("6 pictures, 0.6 s"), HasSubstr("2 episodes in")));
}

TEST_F(SceneFilmTest, ARecordedEpisodeBeginsWithTheSceneAsItIsThen) {
  FilmOptions options;
  options.paths = {episodes_};
  Create(options);
  Send(0, Opened(red_));
  Send(0, Frame(red_, 0, false));
  Send(0, Frame(green_, 1, true, &red_));
  Send(0, Frame(green_, 0, false));
  Send(0, Frame(green_, 1, true));
  ASSERT_TRUE(film_->Close().ok());
  EXPECT_EQ(Recorded(), "O1 F0.0 F0.1 O0 F1.0 F1.1 ");
}

TEST_F(SceneFilmTest, AnEpisodeWhoseSimulatorFailedIsNotRecorded) {
  FilmOptions options;
  options.paths = {episodes_};
  Create(options);
  Send(0, Opened(red_));
  Send(0, Frame(red_, 0, false));
  Send(0, Frame(red_, 1, false));
  Send(0, Frame(red_, 0, false));
  Send(0, Frame(red_, 1, true));
  ASSERT_TRUE(film_->Close().ok());
  EXPECT_EQ(Recorded(), "O1 F0.0 F0.1 ");
}

TEST_F(SceneFilmTest, EpisodesOfManyEnvironmentsAreRecordedOneAfterTheOther) {
  FilmOptions options;
  options.paths = {gif_, episodes_};
  options.size = PictureSize{64, 24};
  Create(options, 2);
  for (int64_t i = 0; i < 2; ++i) Send(i, Opened(i == 0 ? red_ : green_));
  for (int step = 0; step < 2; ++step) {
    Send(0, Frame(red_, step, step == 1));
    Step(1, Frame(green_, step, false));
  }
  Step(1, Frame(green_, 2, true));
  ASSERT_TRUE(film_->Close().ok());
  EXPECT_THAT(Gif(), ElementsAre(64, 24, 3));
  EXPECT_EQ(Recorded(), "O1 F0.0 F0.1 O0 F1.0 F1.1 F1.2 ");
}

TEST_F(SceneFilmTest, TheLastStepOfAnEpisodeIsAPictureEvenIfItIsNotDue) {
  FilmOptions options;
  options.paths = {gif_};
  options.frames_per_s_max = 5;  // Every second step.
  Create(options);
  Send(0, Opened(red_));
  for (int step = 0; step < 4; ++step) Step(0, Frame(red_, step, step == 3));
  ASSERT_TRUE(film_->Close().ok());
  EXPECT_THAT(Gif(), ElementsAre(32, 24, 3)) << "steps 0, 2 and 3";
}

TEST_F(SceneFilmTest, ACameraIsChosenByName) {
  FilmOptions options;
  options.paths = {gif_};
  options.camera = "top";
  Create(options);
  Send(0, Opened(red_));
  Send(0, Frame(red_, 0, false));
  const absl::Status status = film_->EndStep();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(), "--camera top: box has front, side");
}

// The box goes 10 m.
TEST_F(SceneFilmTest, ACameraThatTracksABodyKeepsItInTheMiddle) {
  Scene followed = red_;
  followed.cameras[0].tracked_body = "box";
  for (const Scene& scene : {red_, followed}) {
    FilmOptions options;
    options.paths = {gif_};
    Create(options);
    Send(0, Opened(scene));
    Step(0, Frame(scene, 0, false));
    Step(0, Frame(scene, 100, true));
    ASSERT_TRUE(film_->Close().ok());
    if (scene.cameras[0].tracked_body.empty()) {
      EXPECT_LT(RednessOfTheMiddle(), 20);
    } else {
      EXPECT_GT(RednessOfTheMiddle(), 50);
    }
  }
}

TEST_F(SceneFilmTest, ARecordingIsFilmedAgain) {
  FilmOptions options;
  options.paths = {episodes_};
  Create(options);
  Send(0, Opened(red_));
  for (int step = 0; step < 3; ++step) Send(0, Frame(red_, step, step == 2));
  ASSERT_TRUE(film_->Close().ok());
  options.paths = {gif_};
  Create(options);
  ASSERT_TRUE(FilmRecording(
                  episodes_, [] { return false; }, film_.get())
                  .ok());
  ASSERT_TRUE(film_->Close().ok());
  EXPECT_THAT(Gif(), ElementsAre(32, 24, 3));
}

TEST_F(SceneFilmTest, ARecordingWithoutAFrameIsRefusedByName) {
  std::string packed;
  google::protobuf::io::StringOutputStream out(&packed);
  EpisodeWriter writer(&out);
  ASSERT_TRUE(writer.Write(Opened(red_)).ok());
  ASSERT_TRUE(writer.Close().ok());
  std::ofstream(episodes_) << packed;
  FilmOptions options;
  options.paths = {gif_};
  Create(options);
  const auto filmed = FilmRecording(
      episodes_, [] { return false; }, film_.get());
  EXPECT_TRUE(absl::IsInvalidArgument(filmed.status())) << filmed.status();
}

TEST_F(SceneFilmTest, AnOlderRecordingStaysUntilTheNewOneIsComplete) {
  FilmOptions options;
  options.paths = {episodes_};
  Create(options);
  Send(0, Opened(red_));
  for (int step = 0; step < 2; ++step) Send(0, Frame(red_, step, step == 1));
  ASSERT_TRUE(film_->Close().ok());
  const std::string older = Recorded();
  Create(options);
  Send(0, Opened(green_));
  for (int step = 0; step < 3; ++step) Send(0, Frame(green_, step, step == 2));
  ASSERT_TRUE(film_->BeginEpisodes().ok());
  EXPECT_EQ(Recorded(), older) << "it is not complete";
  film_.reset();
  EXPECT_EQ(Recorded(), older) << "it was given up";
  Create(options);
  ASSERT_TRUE(film_->Close().ok());
  EXPECT_EQ(Recorded(), older) << "there was no episode in it";
  Create(options);
  Send(0, Opened(green_));
  for (int step = 0; step < 3; ++step) Send(0, Frame(green_, step, step == 2));
  ASSERT_TRUE(film_->Close().ok());
  EXPECT_EQ(Recorded(), "O0 F0.0 F0.1 F0.2 ");
}

TEST_F(SceneFilmTest, ARecordingThatCannotBeCreatedIsNamed) {
  FilmOptions options;
  options.paths = {"/no/such/folder/x.episodes"};
  EXPECT_EQ(SceneFilm::Create(options, 1).status().message(),
            "cannot write /no/such/folder/x.episodes: No such file or directory");
}

}  // namespace
}  // namespace armature
