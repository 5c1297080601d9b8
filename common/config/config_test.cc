#include "common/config/config.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

struct InnerConfig {
  double learning_rate = 3e-4;
  int64_t batch_size = 256;

  void Visit(ConfigVisitor& v) {
    v.Field("learning_rate", learning_rate, "Of Adam.", MoreThan(0));
    v.Field("batch_size", batch_size, "Rows | columns.", Between(1, 1000));
  }
};

struct OuterConfig {
  bool fast = false;
  std::string device = "auto";
  std::string name = "run";
  std::vector<int64_t> sizes = {256, 256};
  std::vector<std::string> words;
  std::map<std::string, std::string> environment;
  InnerConfig inner;

  void Visit(ConfigVisitor& v) {
    v.Field("fast", fast, "Quick.");
    v.Field("device", device, "Where.", OneOf({"auto", "cpu"}));
    v.Field("name", name, "Any.");
    v.Field("sizes", sizes, "Layers.", AtLeast(1));
    v.Field("words", words, "Names.");
    v.Field("environment", environment, "Free keys.");
    v.Section("inner", inner, "The inner part.");
  }
};

absl::Status Load(const std::string& text, OuterConfig* config) {
  return LoadYaml(text, "c.yaml", ConfigOf(*config));
}

std::string LoadError(const std::string& text) {
  OuterConfig config;
  const absl::Status status = Load(text, &config);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

std::string OverrideError(const std::string& text) {
  OuterConfig config;
  const absl::Status status = ApplyOverride(text, ConfigOf(config));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(Config, YamlSetsWhatItNamesAndLeavesTheRest) {
  OuterConfig config;
  ASSERT_TRUE(Load("fast: true\n"
                   "sizes: [64, 32]\n"
                   "environment: {control_type: joints, noise: 0.5, id: \"7\", goal: [1, 2]}\n"
                   "inner:\n"
                   "  learning_rate: 1  # An integer is a number.\n",
                   &config)
                  .ok());
  EXPECT_TRUE(config.fast);
  EXPECT_EQ(config.device, "auto");
  EXPECT_THAT(config.sizes, ElementsAre(64, 32));
  EXPECT_THAT(config.environment,
              ElementsAre(Pair("control_type", "joints"), Pair("goal", "[1, 2]"),
                          Pair("id", "\"7\""), Pair("noise", "0.5")));
  EXPECT_EQ(config.inner.learning_rate, 1);
  EXPECT_EQ(config.inner.batch_size, 256);
}

TEST(Config, EmptyTextAndEmptySectionChangeNothing) {
  OuterConfig config;
  EXPECT_TRUE(Load("", &config).ok());
  EXPECT_TRUE(Load("# nothing\n", &config).ok());
  EXPECT_TRUE(Load("inner:\n", &config).ok());
  EXPECT_EQ(config.inner.batch_size, 256);
}

TEST(Config, UnknownKeyNamesLineAndNearestKey) {
  EXPECT_EQ(LoadError("fast: true\ninner:\n  batch_sise: 3\n"),
            "c.yaml:3: unknown key 'inner.batch_sise'; did you mean 'inner.batch_size'?");
  EXPECT_EQ(LoadError("inner: {batch: 3}"),
            "c.yaml:1: unknown key 'inner.batch'; did you mean 'inner.batch_size'?");
  EXPECT_EQ(LoadError("batch_size: 3"),
            "c.yaml:1: unknown key 'batch_size'; did you mean 'inner.batch_size'?");
  EXPECT_EQ(LoadError("inner: {zzzzzz: 3}"),
            "c.yaml:1: unknown key 'inner.zzzzzz'; valid here: learning_rate, batch_size");
  EXPECT_EQ(OverrideError("inner.learning_rte=1"),
            "override: unknown key 'inner.learning_rte'; did you mean 'inner.learning_rate'?");
}

TEST(Config, IllTypedValueIsRefused) {
  EXPECT_EQ(LoadError("inner: {batch_size: 1.5}"),
            "c.yaml:1: inner.batch_size: expected an integer, got '1.5'");
  EXPECT_THAT(LoadError("inner: {batch_size: 1e-2}"), HasSubstr("expected an integer"));
  EXPECT_THAT(LoadError("inner: {batch_size: 1e19}"), HasSubstr("expected an integer"));
  EXPECT_THAT(LoadError("inner: {batch_size: _1}"), HasSubstr("expected an integer"));
  EXPECT_THAT(LoadError("inner: {batch_size: \"12\"}"), HasSubstr("expected an integer"));
  EXPECT_THAT(LoadError("inner: {batch_size: 99999999999999999999}"), HasSubstr("an integer"));
  EXPECT_THAT(LoadError("inner: {batch_size: [1]}"), HasSubstr("got a list"));
  EXPECT_THAT(LoadError("inner: {learning_rate: fast}"), HasSubstr("expected a number"));
  EXPECT_THAT(LoadError("inner: {learning_rate: nan}"), HasSubstr("expected a number"));
  EXPECT_THAT(LoadError("inner: {learning_rate: inf}"), HasSubstr("expected a number"));
  EXPECT_THAT(LoadError("inner: 3"), HasSubstr("inner: expected a map of keys, got '3'"));
  EXPECT_THAT(LoadError("sizes: 64"), HasSubstr("sizes: expected a list of integers"));
  EXPECT_THAT(LoadError("sizes: [64, x]"), HasSubstr("sizes[1]: expected an integer, got 'x'"));
  EXPECT_THAT(LoadError("words: a"), HasSubstr("words: expected a list of words"));
  EXPECT_THAT(LoadError("words: [a, [b]]"), HasSubstr("words[1]: expected a word, got a list"));
  EXPECT_THAT(LoadError("environment: joints"), HasSubstr("environment: expected a map"));
  EXPECT_THAT(LoadError("environment: {x: }"), HasSubstr("environment.x: expected a value"));
  EXPECT_THAT(LoadError("name:"), HasSubstr("name: expected a word, got nothing"));
  EXPECT_EQ(OverrideError("name=run --config={a: 1}"),
            "override: name: expected text, in quotes where it has ': ' or opens with a brace, got "
            "a map");
  EXPECT_THAT(LoadError("- a"), HasSubstr("expected a map of keys, got a list"));
}

TEST(Config, AWholeNumberIsAnIntegerHoweverItIsWritten) {
  for (const auto& [text, expected] : std::map<std::string, int64_t>{
           {"1e2", 100}, {"2.5E2", 250}, {"64.0", 64}, {"1_000", 1000}}) {
    OuterConfig config;
    ASSERT_TRUE(Load("inner: {batch_size: " + text + "}\nsizes: [" + text + "]\n", &config).ok())
        << text;
    EXPECT_EQ(config.inner.batch_size, expected);
    EXPECT_THAT(config.sizes, ElementsAre(expected));
    ASSERT_TRUE(ApplyOverride("inner.batch_size=" + text, ConfigOf(config)).ok()) << text;
    EXPECT_EQ(config.inner.batch_size, expected);
  }
}

TEST(Config, OnlyTrueAndFalseAreBool) {
  for (const char* text : {"yes", "on", "True", "1", "\"true\"", "[true]"}) {
    EXPECT_THAT(LoadError(std::string("fast: ") + text), HasSubstr("fast: expected true or false"));
  }
}

TEST(Config, ValueOutOfRangeNamesTheLimit) {
  EXPECT_THAT(LoadError("inner: {batch_size: 0}"),
              HasSubstr("expected at least 1 and at most 1000"));
  EXPECT_THAT(LoadError("inner: {batch_size: 1001}"), HasSubstr("got '1001'"));
  EXPECT_THAT(LoadError("inner: {learning_rate: 0}"), HasSubstr("expected more than 0, got '0'"));
  EXPECT_THAT(LoadError("device: gpu"), HasSubstr("device: expected one of auto, cpu, got 'gpu'"));
  EXPECT_THAT(LoadError("sizes: [64, 0]"), HasSubstr("sizes[1]: expected at least 1, got '0'"));
}

TEST(Config, KeyGivenTwiceIsRefused) {
  EXPECT_EQ(LoadError("fast: true\nfast: false\n"), "c.yaml:2: key 'fast' is given twice");
}

TEST(Config, TextThatIsNotYamlNamesItsLine) {
  EXPECT_THAT(LoadError("fast: true\ninner: [1, 2\n"), HasSubstr("c.yaml:"));
  EXPECT_THAT(LoadError("a: 1\n---\nb: 2\n"), HasSubstr("expected one YAML document, got 2"));
}

TEST(Config, OverridesReachEveryKindOfField) {
  OuterConfig config;
  for (const char* text : {"inner.batch_size=8", "fast=true", "sizes=[1,2]", "name=a=b",
                           "environment={control_type: ee, old: 1}", "environment.noise=0.25",
                           "environment.control_type=joints"}) {
    ASSERT_TRUE(ApplyOverride(text, ConfigOf(config)).ok()) << text;
  }
  EXPECT_EQ(config.inner.batch_size, 8);
  EXPECT_TRUE(config.fast);
  EXPECT_THAT(config.sizes, ElementsAre(1, 2));
  EXPECT_EQ(config.name, "a=b");
  EXPECT_THAT(config.environment,
              ElementsAre(Pair("control_type", "joints"), Pair("noise", "0.25"), Pair("old", "1")));
  // The whole map replaces what was there.
  ASSERT_TRUE(ApplyOverride("environment={x: 1}", ConfigOf(config)).ok());
  EXPECT_THAT(config.environment, ElementsAre(Pair("x", "1")));
}

TEST(Config, AnOverrideGoesIntoTheMapThatAFreeKeyHas) {
  OuterConfig config;
  ASSERT_TRUE(Load("environment:\n"
                   "  latency: {action_steps: 1, deep: {a: 1}, name: \"7\"}\n"
                   "  plain: 3\n",
                   &config)
                  .ok());
  for (const char* text :
       {"environment.latency.action_steps=2", "environment.latency.deep.b=x, y",
        "environment.latency.new.c=1", "environment.plain.d=4", "environment.other.e=5"}) {
    ASSERT_TRUE(ApplyOverride(text, ConfigOf(config)).ok()) << text;
  }
  const auto flat = FlattenKeys(config.environment, "env");
  ASSERT_TRUE(flat.ok()) << flat.status();
  EXPECT_THAT(*flat, ElementsAre(Pair("latency.action_steps", "2"), Pair("latency.deep.a", "1"),
                                 Pair("latency.deep.b", "\"x, y\""), Pair("latency.name", "\"7\""),
                                 Pair("latency.new.c", "1"), Pair("other.e", "5"),
                                 Pair("plain", "3"), Pair("plain.d", "4")));
  EXPECT_EQ(ScalarText(flat->at("latency.deep.b")), "x, y");
  EXPECT_EQ(ScalarText("x, y"), "x, y");
  EXPECT_EQ(ScalarText("[x, 'y']"), "[x, 'y']");
  // A whole value replaces what was under the key, however that was written.
  ASSERT_TRUE(ApplyOverride("environment.other={f: 6}", ConfigOf(config)).ok());
  ASSERT_TRUE(ApplyOverride("environment.latency=off", ConfigOf(config)).ok());
  EXPECT_THAT(config.environment, ElementsAre(Pair("latency", "off"), Pair("other", "{f: 6}"),
                                              Pair("plain", "3"), Pair("plain.d", "4")));
}

TEST(Config, AFileIsMergedIntoTheFreeKeysOfThoseBeforeIt) {
  OuterConfig config;
  ASSERT_TRUE(Load("environment:\n"
                   "  wrappers: [push]\n"
                   "  push: {body: robot, force: {low: 1, high: 2}}\n"
                   "  dotted.a: 1\n"
                   "  gone: {x: 1}\n",
                   &config)
                  .ok());
  ASSERT_TRUE(Load("environment:\n"
                   "  wrappers: [latency]\n"
                   "  push: {force: {high: 3}, kind: force}\n"
                   "  dotted: {b: 2}\n"
                   "  gone: 0\n"
                   "  new: {y: 1}\n",
                   &config)
                  .ok());
  const auto flat = FlattenKeys(config.environment, "env");
  ASSERT_TRUE(flat.ok()) << flat.status();
  EXPECT_THAT(*flat, ElementsAre(Pair("dotted.a", "1"), Pair("dotted.b", "2"), Pair("gone", "0"),
                                 Pair("new.y", "1"), Pair("push.body", "robot"),
                                 Pair("push.force.high", "3"), Pair("push.force.low", "1"),
                                 Pair("push.kind", "force"), Pair("wrappers", "[latency]")));
  ASSERT_TRUE(Load("environment:\n", &config).ok());  // Null: none of them.
  EXPECT_THAT(config.environment, ElementsAre());
}

TEST(Config, FlattenedKeysGivenTwiceOrWithoutAValueAreRefused) {
  EXPECT_EQ(FlattenKeys({{"a", "{b: 1}"}, {"a.b", "2"}}, "env").status().message(),
            "env: key 'a.b' is given twice");
  EXPECT_EQ(FlattenKeys({{"a", "{b: uniform(1, 2)}"}}, "env").status().message(),
            "env: a.2): expected a value, got nothing");
  // Neither is a map.
  const auto kept = FlattenKeys({{"a", "[{b: 1}]"}, {"c", "{"}, {"d", "{}"}}, "env");
  ASSERT_TRUE(kept.ok());
  EXPECT_THAT(*kept, ElementsAre(Pair("a", "[{b: 1}]"), Pair("c", "{")));
}

TEST(Config, AnIpv6AddressNeedsNoQuotes) {
  for (const char* address : {"[::1]:5556", "[2001:db8::5]:0", "[::1]:5556,[::2]:1,host:2"}) {
    OuterConfig config;
    ASSERT_TRUE(ApplyOverride(absl::StrCat("name=", address), ConfigOf(config)).ok());
    EXPECT_EQ(config.name, address);
    config = {};
    const absl::Status status =
        Load(absl::StrCat("fast: true\nname: ", address, "  # Here.\ninner: {batch_size: 7}\n"),
             &config);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(config.name, address);
    EXPECT_EQ(config.inner.batch_size, 7);
  }
  EXPECT_THAT(LoadError("fast: true\n\nname: [::1]:5556 5557\n"), HasSubstr("c.yaml:3"));
  OuterConfig config;
  ASSERT_TRUE(Load("words: [a, '7']\nsizes: [1, 2]\nname: '[::1]:1'\n", &config).ok());
  EXPECT_THAT(config.sizes, ElementsAre(1, 2));
  EXPECT_THAT(config.words, ElementsAre("a", "7"));
  EXPECT_EQ(config.name, "[::1]:1");
}

TEST(Config, MalformedOverrideIsRefused) {
  EXPECT_EQ(OverrideError("fast"), "override 'fast': expected key=value");
  EXPECT_EQ(OverrideError("=1"), "override '=1': expected key=value");
  EXPECT_EQ(OverrideError("fast.x=1"), "override: fast: expected true or false, got a map");
  EXPECT_THAT(OverrideError("sizes=[1"), AllOf(HasSubstr("sizes: '[1' is not YAML"),
                                               HasSubstr("quotes around what has blanks")));
  EXPECT_EQ(OverrideError("environment.x='a b' c"),
            "override: environment.x: 'a b' c is more than one YAML value; put quotes around the "
            "whole of it");
  EXPECT_EQ(OverrideError("inner.batch_size=0"),
            "override: inner.batch_size: expected at least 1 and at most 1000, got '0'");
}

TEST(Config, AnOverrideWithoutAValueEmptiesATextAndIsRefusedElsewhere) {
  OuterConfig config;
  ASSERT_TRUE(ApplyOverride("name=", ConfigOf(config)).ok());
  EXPECT_EQ(config.name, "");
  EXPECT_EQ(OverrideError("inner.batch_size="),
            "override: inner.batch_size: expected an integer, got nothing");
  EXPECT_EQ(OverrideError("device="), "override: device: expected one of auto, cpu, got nothing");
  EXPECT_EQ(OverrideError("environment.x="),
            "override: environment.x: expected a value, got nothing");
}

TEST(Config, MapOfYamlValuesIsAppliedAndRefusedByKey) {
  InnerConfig config;
  EXPECT_TRUE(LoadMap({{"batch_size", "3"}}, "env config", ConfigOf(config)).ok());
  EXPECT_EQ(config.batch_size, 3);
  EXPECT_EQ(LoadMap({{"batch_sizes", "3"}}, "env config", ConfigOf(config)).message(),
            "env config: unknown key 'batch_sizes'; did you mean 'batch_size'?");
}

TEST(Config, PrintedYamlReadsBackEqual) {
  OuterConfig config;
  config.fast = true;
  config.device = "cpu";
  config.sizes = {};
  config.words = {"a", "b c", "d: e", "", "[f"};
  config.inner.learning_rate = 0.1 + 0.2;
  config.inner.batch_size = 999;
  for (const char* name : {"run", "127.0.0.1:0", "", "null", "~", "a: b", "- x", "'", "a\"b\\c\n",
                           "trailing:", "[1", "# no comment", " spaced "}) {
    config.name = name;
    config.environment = {{"k", "[1, 2]"}, {"quoted", "\"7\""}, {name, "x"}};
    OuterConfig read;
    const absl::Status status = Load(ToYaml(ConfigOf(config)), &read);
    ASSERT_TRUE(status.ok()) << status << "\n" << ToYaml(ConfigOf(config));
    EXPECT_EQ(read.name, name);
    EXPECT_EQ(read.environment, config.environment);
    EXPECT_EQ(read.words, config.words);
    EXPECT_EQ(ToYaml(ConfigOf(read)), ToYaml(ConfigOf(config)));
    EXPECT_EQ(read.inner.learning_rate, config.inner.learning_rate);
  }
}

TEST(Config, MarkdownHasOneTableASection) {
  OuterConfig config;
  const std::string text = ToMarkdown(ConfigOf(config));
  EXPECT_THAT(text, HasSubstr("| `sizes` | integers | `[256, 256]` | at least 1 | Layers. |\n"));
  EXPECT_THAT(text, HasSubstr("\n### `inner`\n\nThe inner part.\n\n| key |"));
  EXPECT_THAT(text, HasSubstr("| `inner.learning_rate` | number | `0.0003` | more than 0 |"));
  EXPECT_THAT(text, HasSubstr("Rows \\| columns."));
}

TEST(Config, NearestNameIsEmptyWhenNoneIsNear) {
  EXPECT_EQ(NearestName("lernr", {"learner", "actor"}), "learner");
  EXPECT_EQ(NearestName("Actor", {"learner", "actor"}), "actor");
  EXPECT_EQ(NearestName("zebra", {"learner", "actor"}), "");
  EXPECT_EQ(NearestName("x", {}), "");
}

}  // namespace
}  // namespace armature
