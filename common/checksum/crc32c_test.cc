#include "common/checksum/crc32c.h"

#include <string>

#include "gtest/gtest.h"

namespace armature {
namespace {

std::string Ascending(int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

// "An iSCSI - SCSI Read (10) Command PDU".
std::string ReadCommand() {
  std::string bytes(48, '\0');
  bytes[0] = '\x01';
  bytes[1] = '\xc0';
  bytes[16] = '\x14';
  bytes[22] = '\x04';
  bytes[27] = '\x14';
  bytes[31] = '\x18';
  bytes[32] = '\x28';
  bytes[40] = '\x02';
  return bytes;
}

TEST(Crc32cTest, MeetsThePublishedCheckValues) {
  const std::string ascending = Ascending(32);
  for (const auto& crc32c : {Crc32c, Crc32cByTables}) {
    EXPECT_EQ(crc32c("123456789", 0), 0xe3069283u);
    // RFC 3720, B.4.
    EXPECT_EQ(crc32c(std::string(32, '\0'), 0), 0x8a9136aau);
    EXPECT_EQ(crc32c(std::string(32, '\xff'), 0), 0x62a8ab43u);
    EXPECT_EQ(crc32c(ascending, 0), 0x46dd794eu);
    EXPECT_EQ(crc32c(std::string(ascending.rbegin(), ascending.rend()), 0), 0x113fdb5cu);
    EXPECT_EQ(crc32c(ReadCommand(), 0), 0xd9963a56u);
  }
}

TEST(Crc32cTest, TheInstructionAndTheTablesAgreeFromAnyByteOn) {
  const std::string bytes = Ascending(5000);
  for (size_t begin = 0; begin < 20; ++begin) {
    for (const size_t size : {0, 1, 7, 8, 9, 31, 64, 1000, 4900}) {
      const absl::string_view part = absl::string_view(bytes).substr(begin, size);
      EXPECT_EQ(Crc32c(part, 0x1234), Crc32cByTables(part, 0x1234)) << begin << " " << size;
    }
  }
}

TEST(Crc32cTest, ContinuesFromAnySplit) {
  const std::string text = "observation_normalizer.mean";
  for (size_t split = 0; split <= text.size(); ++split) {
    EXPECT_EQ(Crc32c(text.substr(split), Crc32c(text.substr(0, split))), Crc32c(text));
  }
}

}  // namespace
}  // namespace armature
