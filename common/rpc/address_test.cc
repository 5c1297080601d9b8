#include "common/rpc/address.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

TEST(Address, LoopbackIsWhatOnlyThisMachineReaches) {
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:0", "localhost:80", "[::1]:5", "unix:/x"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
}

TEST(Address, NamesThatOnlyLookLocalAreNotLoopback) {
  for (const char* address :
       {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.evil.org:1", ":1", "", "localhost.evil.org:1",
        "127.0.0.1.evil.org:1", "*:1", "host:1", "127.0.0.1:99999", "localhost", "unix:x"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

TEST(Address, IsWrittenAsItWasRead) {
  for (const char* text : {"127.0.0.1:1", "host:65535", "[::1]:80", "unix:/run/a b/learner",
                           "unix:/tmp/w\xc3\xb6rk/x"}) {
    const absl::StatusOr<Address> address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(ParseAddress("[::1]:80")->host, "::1");
  EXPECT_EQ(ParseAddress("unix:/x")->socket_path, "/x");
}

TEST(Address, OnlyWhoListensTakesPortZero) {
  EXPECT_TRUE(ParseListenAddress("127.0.0.1:0").ok());
  EXPECT_FALSE(ParseAddress("127.0.0.1:0").ok());
}

TEST(Address, WhatIsNoneSaysWhy) {
  for (const auto& [text, why] : {std::pair("", "expected host:port"),
                                  {"host", "expected host:port"},
                                  {"host:", "the port is '', expected 1 to 65535"},
                                  {":80", "a host's name"},
                                  {"host:0", "the port is '0'"},
                                  {"127.0.0.1:99999", "the port is '99999'"},
                                  {"host:http", "the port is 'http'"},
                                  {"host: 80", "the port is ' 80'"},
                                  {"host:+80", "the port is '+80'"},
                                  {"host:4294967377", "the port is '4294967377'"},
                                  {"::1:80", "in brackets"},
                                  {"[::1:80", "in brackets"},
                                  {"[host]:80", "not an IPv6 address"},
                                  {"a b:80", "a host's name"},
                                  {"*:80", "a host's name"},
                                  {"http://host:80", "in brackets"},
                                  {"unix:", "absolute path"},
                                  {"unix:x", "absolute path"},
                                  {"unix:/a,b", "no ','"}}) {
    const absl::StatusOr<Address> address = ParseAddress(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_THAT(std::string(address.status().message()), HasSubstr(why)) << text;
  }
}

TEST(Address, APathOfASocketFitsTheKernel) {
  EXPECT_TRUE(ParseAddress("unix:/" + std::string(106, 'x')).ok());
  EXPECT_THAT(std::string(ParseAddress("unix:/" + std::string(107, 'x')).status().message()),
              HasSubstr("at most 107 bytes, this one 108"));
}

TEST(Address, BoundPortReplacesTheOneAskedFor) {
  EXPECT_EQ(BoundAddress("127.0.0.1:0", 81), "127.0.0.1:81");
  EXPECT_EQ(BoundAddress("[::1]:0", 81), "[::1]:81");
  EXPECT_EQ(BoundAddress("unix:/x", 0), "unix:/x");
}

TEST(Address, EverywhereIsEveryInterface) {
  EXPECT_TRUE(IsEverywhere("0.0.0.0:1"));
  EXPECT_TRUE(IsEverywhere("[::]:0"));
  EXPECT_FALSE(IsEverywhere("127.0.0.1:1"));
  EXPECT_FALSE(IsEverywhere("unix:/x"));
}

}  // namespace
}  // namespace armature
