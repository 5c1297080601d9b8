#include "common/cli/flags.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

std::optional<int> Parse(CLI::App& app, std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "program");
  return ParseFlags(app, static_cast<int>(arguments.size()), const_cast<char**>(arguments.data()));
}

TEST(Flags, TransportFlagsFillTheOptions) {
  CLI::App app("Test.", "program");
  TransportOptions options;
  AddTransportFlags(app, &options);
  EXPECT_EQ(Parse(app, {"--tls_certificate", "c", "--tls_key=k", "--tls_authority", "a",
                        "--token_file", "t", "--token_suffices", "--tls_server_name", "n"}),
            std::nullopt);
  EXPECT_EQ(options.tls_certificate, "c");
  EXPECT_EQ(options.tls_key, "k");
  EXPECT_EQ(options.tls_authority, "a");
  EXPECT_EQ(options.token_file, "t");
  EXPECT_TRUE(options.token_suffices);
  EXPECT_EQ(options.tls_server_name, "n");
}

TEST(Flags, AFolderStandsForItsThreeFiles) {
  CLI::App app("Test.", "program");
  TransportOptions options;
  AddTransportFlags(app, &options);
  EXPECT_EQ(Parse(app, {"--tls_folder=keys/sim"}), std::nullopt);
  EXPECT_EQ(options.tls_certificate, "keys/sim/certificate.pem");
  EXPECT_EQ(options.tls_key, "keys/sim/key.pem");
  EXPECT_EQ(options.tls_authority, "keys/sim/authority.pem");
  testing::internal::CaptureStderr();
  EXPECT_EQ(Parse(app, {"--tls_folder=keys/sim", "--tls_certificate=c"}), 2);
  testing::internal::GetCapturedStderr();
}

TEST(Flags, AddressesToListenOnAreReadStrictly) {
  for (const char* address : {"127.0.0.1:0", "[::1]:5556", "unix:/x"}) {
    EXPECT_EQ(CheckListenAddress(address), "") << address;
  }
  EXPECT_THAT(CheckListenAddress("127.0.0.1:99999"), testing::HasSubstr("the port is '99999'"));
  EXPECT_THAT(CheckListenAddress("off"), testing::HasSubstr("expected host:port"));
  EXPECT_EQ(CheckMetricsAddress("off"), "");
}

TEST(Flags, HelpEndsWithZeroAndAWrongFlagWithTwoAndOneLine) {
  CLI::App app("Test.", "program");
  testing::internal::CaptureStdout();
  EXPECT_EQ(Parse(app, {"--help"}), 0);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::HasSubstr("Test."));
  testing::internal::CaptureStderr();
  EXPECT_EQ(Parse(app, {"--no_such_flag"}), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::MatchesRegex("program: .*--no_such_flag.* \\(--help lists the flags\\)\n"));
}

}  // namespace
}  // namespace armature
