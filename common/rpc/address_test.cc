#include "common/rpc/address.h"

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(Address, LoopbackIsWhatOnlyThisMachineReaches) {
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:0", "localhost:80", "[::1]:5", "unix:/x"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
}

TEST(Address, NamesThatOnlyLookLocalAreNotLoopback) {
  for (const char* address : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.evil.org:1", ":1", "",
                              "localhost.evil.org:1", "127.0.0.1.evil.org:1", "*:1", "host:1"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

TEST(Address, AHostAndAPortMakeAnAddress) {
  for (const char* address : {"127.0.0.1:1", "host:65535", "[::1]:80"}) {
    EXPECT_TRUE(IsHostPort(address)) << address;
  }
  for (const char* address : {"", "host", "host:", ":80", "host:0", "host:65536", "host:http"}) {
    EXPECT_FALSE(IsHostPort(address)) << address;
  }
}

TEST(Address, BoundPortReplacesTheOneAskedFor) {
  EXPECT_EQ(BoundAddress("127.0.0.1:0", 81), "127.0.0.1:81");
  EXPECT_EQ(BoundAddress("[::1]:0", 81), "[::1]:81");
  EXPECT_EQ(BoundAddress("unix:/x", 0), "unix:/x");
}

}  // namespace
}  // namespace armature
