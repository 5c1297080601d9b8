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
                        "--token_file", "t"}),
            std::nullopt);
  EXPECT_EQ(options.tls_certificate, "c");
  EXPECT_EQ(options.tls_key, "k");
  EXPECT_EQ(options.tls_authority, "a");
  EXPECT_EQ(options.token_file, "t");
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
