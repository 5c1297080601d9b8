#include "common/scene/episode_file.h"

#include <fstream>
#include <vector>

#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

v1::WatchResponse Opened(const std::string& body) {
  v1::WatchResponse message;
  message.mutable_opened()->mutable_scene()->add_body()->set_name(body);
  return message;
}

v1::WatchResponse MeshOf(const std::string& name) {
  v1::WatchResponse message;
  message.mutable_mesh()->set_name(name);
  return message;
}

v1::WatchResponse Frame(uint32_t step) {
  v1::WatchResponse message;
  message.mutable_frame()->set_episode_step(step);
  message.mutable_frame()->add_observation(0.5f);
  return message;
}

std::string Pack(const std::vector<v1::WatchResponse>& messages) {
  std::string packed;
  google::protobuf::io::StringOutputStream out(&packed);
  {
    EpisodeWriter writer(&out);
    for (const v1::WatchResponse& message : messages) EXPECT_TRUE(writer.Write(message).ok());
    EXPECT_TRUE(writer.Close().ok());
  }
  return packed;
}

class EpisodeFileTest : public testing::Test {
 protected:
  void Put(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }
  // All messages of the file, in short: O name, M name, F step.
  std::string ReadAll() {
    auto reader = EpisodeReader::Open(path_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    std::string all;
    v1::WatchResponse message;
    for (;;) {
      const absl::StatusOr<bool> more = (*reader)->Next(&message);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) break;
      if (message.has_opened()) all += "O" + message.opened().scene().body(0).name();
      if (message.has_mesh()) all += "M" + message.mesh().name();
      if (message.has_frame()) all += "F" + std::to_string(message.frame().episode_step());
    }
    is_complete_ = (*reader)->is_complete();
    return all;
  }

  const std::string path_ = NewTestPath("some.episodes");
  bool is_complete_ = false;
};

TEST_F(EpisodeFileTest, WhatWasWrittenIsReadInOrder) {
  Put(Pack({Opened("a"), MeshOf("m"), Frame(0), Frame(1)}));
  EXPECT_EQ(ReadAll(), "OaMmF0F1");
  EXPECT_TRUE(is_complete_);
}

TEST_F(EpisodeFileTest, ASceneIsWrittenAgainOnlyIfItIsAnotherOne) {
  Put(Pack({Opened("a"), MeshOf("m"), Frame(0), Opened("a"), MeshOf("m"), Frame(0), Opened("b"),
            MeshOf("n"), Frame(0)}));
  EXPECT_EQ(ReadAll(), "OaMmF0F0ObMnF0");
}

TEST_F(EpisodeFileTest, ASceneThatAFrameChangedIsWrittenAgain) {
  v1::WatchResponse changed = Frame(1);
  changed.mutable_frame()->add_changed_shape();
  Put(Pack({Opened("a"), MeshOf("m"), Frame(0), changed, Opened("a"), MeshOf("m"), Frame(0)}));
  EXPECT_EQ(ReadAll(), "OaMmF0F1OaMmF0");
}

TEST_F(EpisodeFileTest, ARecordingThatBreaksOffIsReadUpToThere) {
  std::vector<v1::WatchResponse> messages = {Opened("a")};
  for (uint32_t step = 0; step < 1000; ++step) messages.push_back(Frame(step * 7919));
  const std::string whole = Pack(messages);
  Put(whole.substr(0, whole.size() / 2));
  EXPECT_THAT(ReadAll(), HasSubstr("OaF0F7919F15838"));
  EXPECT_FALSE(is_complete_);
}

TEST_F(EpisodeFileTest, AnotherFileIsRefusedByName) {
  for (const std::string& bytes : {std::string("no recording"), std::string(), Pack({})}) {
    Put(bytes);
    auto reader = EpisodeReader::Open(path_);
    ASSERT_TRUE(reader.ok());
    v1::WatchResponse message;
    const absl::StatusOr<bool> more = (*reader)->Next(&message);
    EXPECT_TRUE(absl::IsInvalidArgument(more.status())) << more.status();
    EXPECT_THAT(more.status().message(), HasSubstr("some.episodes is no recording of episodes"));
  }
}

TEST_F(EpisodeFileTest, AFileThatIsNotThereIsNamed) {
  const auto reader = EpisodeReader::Open("/nowhere/x.episodes");
  EXPECT_TRUE(absl::IsNotFound(reader.status()));
  EXPECT_EQ(reader.status().message(),
            "cannot read /nowhere/x.episodes: No such file or directory");
}

}  // namespace
}  // namespace armature
