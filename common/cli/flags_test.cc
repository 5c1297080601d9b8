#include "common/cli/flags.h"

#include <map>

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

TEST(Flags, WithoutAnArgumentWhereOneIsNeededTheHelpIsShown) {
  CLI::App app("Test.", "program");
  std::string run;
  app.add_option("RUN", run, "Which.")->required();
  AddExamples(app, "bazel run program --", {"mine", "yours --quick"});
  testing::internal::CaptureStderr();
  EXPECT_EQ(Parse(app, {}), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::AllOf(testing::HasSubstr("Test."), testing::HasSubstr("Which."),
                             testing::HasSubstr("Examples:\n  bazel run program -- mine\n  bazel "
                                                "run program -- yours --quick\n")));
  testing::internal::CaptureStderr();
  app.add_flag("--quick", "Quick.");
  EXPECT_EQ(Parse(app, {"--quick"}), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "program: RUN is required (--help lists the flags)\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(Parse(app, {"--quik"}), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "program: --quik: no such flag; did you mean --quick? (--help lists the flags)\n");
}

TEST(Flags, AnUnknownFlagIsNamedWithTheNearest) {
  for (const auto& [argument, expected] : std::map<std::string, std::string>{
           {"--run-dir=x", "program: --run-dir: no such flag; did you mean --run_dir?"},
           {"--rundir", "program: --rundir: no such flag; did you mean --run_dir?"},
           {"--run.seed=3", "program: --run.seed: no such flag; keys have no dashes: run.seed=3"},
           {"--zebra", "program: --zebra: no such flag"}}) {
    CLI::App app("Test.", "program");
    std::string folder;
    app.add_option("--run_dir", folder, "Where.");
    testing::internal::CaptureStderr();
    EXPECT_EQ(Parse(app, {argument.c_str()}), 2);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), expected + " (--help lists the flags)\n");
  }
}

TEST(Flags, AFlagWithoutItsValueIsToldWhatItNeeds) {
  for (const auto& [flag, expected] : std::map<std::string, std::string>{
           {"--resume", "program: --resume needs a value: A run's folder."},
           {"--episodes", "program: --episodes needs a value: How many."}}) {
    CLI::App app("Test.", "program");
    std::string run;
    int64_t episodes = 0;
    app.add_option("--resume", run, "A run's folder.");
    app.add_option("--episodes", episodes, "How many.");
    testing::internal::CaptureStderr();
    EXPECT_EQ(Parse(app, {flag.c_str()}), 2);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), expected + " (--help lists the flags)\n");
  }
}

TEST(Flags, WhereKeysAreTakenAnUnknownFlagMayBeMeantForOne) {
  CLI::App app("Test.", "program");
  std::vector<std::string> words;
  app.add_option("CONFIG key=value", words, "Words.");
  app.add_flag("--cfg", "Print.");
  for (const char* flag : {"--seed", "-cn"}) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(Parse(app, {flag, "3"}), 2);
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              std::string("program: ") + flag +
                  ": no such flag; keys have no dashes: run.seed=3 (--help lists the flags)\n");
  }
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
