#include "common/scene/episode_recording.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/scene/scene_messages.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

// A box of one size with a mesh beside it.
Scene BoxScene(double side) {
  Scene scene;
  scene.bodies = {{"box", false}};
  scene.shapes.resize(2);
  scene.shapes[0].size = {side, side, side};
  auto mesh = std::make_shared<SceneMesh>();
  mesh->name = "link.obj";
  mesh->vertices = {0, 0, 0, 1, 0, 0, 0, 1, 0};
  mesh->triangles = {0, 1, 2};
  scene.shapes[1].kind = SceneShape::Kind::kMesh;
  scene.shapes[1].mesh = mesh;
  return scene;
}

class EpisodeRecordingTest : public testing::Test {
 protected:
  void Add(EpisodeRecording* recording, const v1::WatchResponse& message) {
    const absl::StatusOr<bool> is_frame = reader_.Read(message);
    ASSERT_TRUE(is_frame.ok()) << is_frame.status();
    recording->Add(message, reader_);
  }
  void Open(EpisodeRecording* recording, const Scene& scene) {
    sent_ = scene;
    EnvSpec spec;
    spec.id = "box";
    spec.control_period_s = 0.1;
    spec.observation = {{"position", v1::DTYPE_FLOAT32, {1}, {}, {}}};
    spec.action.low = {-1};
    spec.action.high = {1};
    v1::WatchResponse opened, mesh;
    *opened.mutable_opened()->mutable_spec() = spec.ToProto();
    *opened.mutable_opened()->mutable_scene() = SceneMessage(scene);
    *mesh.mutable_mesh() = MeshMessage(*scene.shapes[1].mesh);
    Add(recording, opened);
    Add(recording, mesh);
  }
  void Frame(EpisodeRecording* recording, const Scene& scene, int step, bool is_last = false) {
    SlotFrame frame;
    frame.scene = std::make_shared<Scene>(scene);
    frame.view.poses = {kNoPose};
    frame.episode_step = step;
    frame.truncated = is_last;
    v1::WatchResponse message;
    ASSERT_TRUE(WriteFrame(frame, sent_, message.mutable_frame()).ok());
    sent_ = scene;
    Add(recording, message);
  }
  // In short: O side of the box, M mesh, F step, C a changed shape.
  static std::string Taken(EpisodeRecording* recording) {
    const auto messages = recording->Take();
    EXPECT_TRUE(messages.ok()) << messages.status();
    std::string all;
    for (const v1::WatchResponse& message : messages.value_or(std::vector<v1::WatchResponse>())) {
      if (message.has_opened()) {
        absl::StrAppend(&all, "O", message.opened().scene().shape(0).box().x(), " ");
      } else if (message.has_mesh()) {
        absl::StrAppend(&all, "M ");
      } else {
        absl::StrAppend(&all, "F", message.frame().episode_step(),
                        message.frame().changed_shape_size() > 0 ? "C " : " ");
      }
    }
    return all;
  }

  const Scene small_ = BoxScene(1);
  const Scene large_ = BoxScene(2);
  SceneReader reader_;
  Scene sent_;
};

TEST_F(EpisodeRecordingTest, AnEpisodeBeginsWithTheSceneAsTheOnesBeforeLeftIt) {
  EpisodeRecording recording;
  Open(&recording, small_);
  Frame(&recording, small_, 0);
  Frame(&recording, large_, 1);  // A simulator that failed begins anew.
  EXPECT_FALSE(recording.has_ended());
  Frame(&recording, large_, 0);
  Frame(&recording, large_, 1, /*is_last=*/true);
  EXPECT_TRUE(recording.has_ended());
  EXPECT_EQ(Taken(&recording), "O2 M F0 F1 ");
  EXPECT_TRUE(recording.empty());
  EXPECT_FALSE(recording.has_ended());
}

TEST_F(EpisodeRecordingTest, WhatChangesOnTheWayIsKeptWhereItChanges) {
  EpisodeRecording recording;
  Open(&recording, small_);
  Frame(&recording, large_, 0);
  Frame(&recording, small_, 1);
  EXPECT_EQ(Taken(&recording), "O2 M F0 F1C ");
}

TEST_F(EpisodeRecordingTest, AnEpisodeThatWasJoinedOnItsWayIsNotKept) {
  EpisodeRecording recording;
  Open(&recording, small_);
  Frame(&recording, small_, 7);
  EXPECT_TRUE(recording.empty());
  EXPECT_EQ(recording.Take().status().message(), "nothing was recorded");
}

TEST_F(EpisodeRecordingTest, ATooLongEpisodeIsGivenUpAndTheNextOneIsKept) {
  EpisodeRecording recording(/*bytes_max=*/2000);
  Open(&recording, small_);
  for (int step = 0; step < 100; ++step) Frame(&recording, small_, step, step == 99);
  EXPECT_FALSE(recording.has_ended());
  EXPECT_TRUE(absl::IsResourceExhausted(recording.Take().status()));
  EXPECT_THAT(std::string(recording.Take().status().message()), HasSubstr("takes more than 0 MiB"));
  Frame(&recording, small_, 0);
  Frame(&recording, small_, 1, /*is_last=*/true);
  EXPECT_EQ(Taken(&recording), "O1 M F0 F1 ");
}

}  // namespace
}  // namespace armature
