#include "learner/run/event_writer.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/checksum/crc32c.h"
#include "gtest/gtest.h"
#include "learner/run/event.pb.h"

namespace armature {
namespace {

template <typename T>
T Read(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

uint32_t Unmasked(uint32_t masked) {
  const uint32_t rotated = masked - 0xa282ead8u;
  return (rotated >> 17) | (rotated << 15);
}

// Parses like TensorBoard; checks both checksums of every record.
std::vector<event::Event> ReadEvents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::vector<event::Event> events;
  for (size_t at = 0; at < bytes.size();) {
    const uint64_t length = Read<uint64_t>(bytes, at);
    EXPECT_EQ(Unmasked(Read<uint32_t>(bytes, at + 8)), Crc32c(bytes.substr(at, 8)));
    const std::string record = bytes.substr(at + 12, length);
    EXPECT_EQ(Unmasked(Read<uint32_t>(bytes, at + 12 + length)), Crc32c(record));
    events.emplace_back();
    EXPECT_TRUE(events.back().ParseFromString(record));
    at += 16 + length;
  }
  return events;
}

TEST(EventWriter, AnImageIsItsFileWithItsSize) {
  EventWriter writer(testing::TempDir(), absl::FromUnixSeconds(1700000900));
  ASSERT_TRUE(
      writer.AppendImage("evaluation", "GIF89a", 640, 480, 5000, absl::FromUnixSeconds(7)).ok());
  const std::vector<event::Event> events = ReadEvents(writer.path());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].step(), 5000);
  const event::Summary::Value& value = events[1].summary().value(0);
  EXPECT_EQ(value.tag(), "evaluation");
  EXPECT_EQ(value.image().width(), 640);
  EXPECT_EQ(value.image().height(), 480);
  EXPECT_EQ(value.image().encoded_image_string(), "GIF89a");
}

// read_events.py reads the same scalars with the real tensorboard package.
TEST(EventWriter, EveryScalarIsAChecksummedRecord) {
  const absl::Time start = absl::FromUnixMillis(1700000000500);
  EventWriter writer(testing::TempDir(), start);
  ASSERT_TRUE(writer.Append({{"eval/success_rate", 0.5}, {"time/fps", 1200}}, 1000, start).ok());
  ASSERT_TRUE(writer.Append({{"eval/success_rate", 1}}, 1ll << 40, start + absl::Seconds(2)).ok());
  const std::vector<event::Event> events = ReadEvents(writer.path());
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_EQ(events[1].step(), 1000);
  EXPECT_DOUBLE_EQ(events[1].wall_time(), 1700000000.5);
  ASSERT_EQ(events[1].summary().value_size(), 2);
  EXPECT_EQ(events[1].summary().value(0).tag(), "eval/success_rate");
  EXPECT_EQ(events[1].summary().value(0).simple_value(), 0.5f);
  EXPECT_EQ(events[2].step(), 1ll << 40);
}

TEST(EventWriter, AStartSaysFromWhichStepOnWhatWasWrittenBeforeIsVoid) {
  const absl::Time now = absl::FromUnixSeconds(1700000100);
  EventWriter writer(testing::TempDir(), now);
  ASSERT_TRUE(writer.AppendStart(2001, now).ok());
  const std::vector<event::Event> events = ReadEvents(writer.path());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].step(), 2001);
  EXPECT_EQ(events[1].session_log().status(), event::SessionLog::START);
}

TEST(EventWriter, AFolderThatIsGoneIsAnError) {
  EventWriter writer(testing::TempDir() + "/no/such/folder", absl::Now());
  EXPECT_FALSE(writer.Append({{"x", 1}}, 1, absl::Now()).ok());
}

}  // namespace
}  // namespace armature
