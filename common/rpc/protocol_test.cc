#include "common/rpc/protocol.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

TEST(ProtocolTest, AcceptsItsOwnHandshake) {
  EXPECT_TRUE(CheckHandshake(MakeHandshake("actor-0", NewIncarnation(), "run"), "run").ok());
  EXPECT_TRUE(CheckHandshake(MakeHandshake("actor-0", NewIncarnation(), ""), "run").ok());
  EXPECT_TRUE(CheckHandshake(MakeHandshake("actor-0", NewIncarnation(), "any"), "").ok());
}

TEST(ProtocolTest, NamesTheFieldWhatWasExpectedAndWhatCame) {
  EXPECT_THAT(CheckHandshake(MakeHandshake("actor-0", 1, "other"), "run").message(),
              HasSubstr("handshake.run_id: expected 'run', got 'other'"));
}

TEST(ProtocolTest, APeerOfAnotherVersionGetsOneLineWithTheRemedy) {
  v1::Handshake old = MakeHandshake("actor-0", 1, "");
  old.set_protocol_version(1);
  const absl::Status status = CheckHandshake(old, "");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "handshake.protocol_version: expected 2, got 1; run the same Armature on both sides");
  EXPECT_THAT(CheckProtocolVersion(3, "protocol_version").message(),
              HasSubstr("protocol_version: expected 2, got 3; run the same Armature"));
  EXPECT_TRUE(CheckProtocolVersion(kProtocolVersion, "protocol_version").ok());
}

TEST(ProtocolTest, RefusesNamesThatCouldNotBeMetricsOrFiles) {
  EXPECT_FALSE(CheckHandshake(MakeHandshake("../etc", 1, ""), "").ok());
  EXPECT_FALSE(CheckHandshake(MakeHandshake("", 1, ""), "").ok());
  EXPECT_FALSE(CheckHandshake(MakeHandshake(std::string(65, 'a'), 1, ""), "").ok());
  EXPECT_FALSE(CheckHandshake(MakeHandshake("actor", 0, ""), "").ok());
}

TEST(ProtocolTest, IncarnationsDiffer) { EXPECT_NE(NewIncarnation(), NewIncarnation()); }

}  // namespace
}  // namespace armature
