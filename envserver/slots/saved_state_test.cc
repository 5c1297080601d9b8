#include "envserver/slots/saved_state.h"

#include <functional>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kHash = 0x1234;

EnvSpec Spec() {
  EnvSpec spec;
  spec.horizon = 10;
  spec.observation = {{"pose", v1::DTYPE_FLOAT32, {2}, {}, {}},
                      {"on", v1::DTYPE_UINT8, {}, {}, {}}};
  spec.parameters = {{"level", 0, 1, 1}, {"mass", -5, 5, 0}};
  return spec;
}

SavedState State() { return {7, -1.5, {0.25, -4}, "8 bytes!1", std::string("joints\0angles", 13)}; }

std::string Refusal(const std::string& bytes) {
  const absl::Status status = ReadSavedState(bytes, Spec(), kHash).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(SavedStateTest, ComesBackAsItWasPacked) {
  const auto back = ReadSavedState(PackSavedState(State(), kHash), Spec(), kHash);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->episode_steps, 7);
  EXPECT_EQ(back->return_sum, -1.5);
  EXPECT_THAT(back->parameters, ElementsAre(0.25, -4));
  EXPECT_EQ(back->observation, "8 bytes!1");
  EXPECT_EQ(back->env_state, State().env_state);
}

TEST(SavedStateTest, AnEnvironmentMayHaveNothingToSave) {
  SavedState state = State();
  state.env_state.clear();
  const auto back = ReadSavedState(PackSavedState(state, kHash), Spec(), kHash);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->env_state, "");
}

TEST(SavedStateTest, EveryBitThatChangedIsNoticed) {
  const std::string packed = PackSavedState(State(), kHash);
  for (size_t i = 0; i < packed.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = packed;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_NE(Refusal(damaged), "") << "byte " << i << " bit " << bit;
    }
  }
}

TEST(SavedStateTest, EveryLengthThatChangedIsNoticed) {
  const std::string packed = PackSavedState(State(), kHash);
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_THAT(Refusal(packed.substr(0, size)), HasSubstr("bytes"));
  }
  EXPECT_THAT(Refusal(packed + "x"), HasSubstr("bytes, but was saved with"));
}

TEST(SavedStateTest, AnotherEnvironmentsStateNamesBothHashes) {
  EXPECT_THAT(Refusal(PackSavedState(State(), 0x99)),
              HasSubstr("spec hash 0000000000000099, expected 0000000000001234"));
}

TEST(SavedStateTest, AnotherFormatIsNamed) {
  std::string packed = PackSavedState(State(), kHash);
  packed[0] = 9;
  EXPECT_THAT(Refusal(packed), HasSubstr("of format 9, expected 1"));
}

// With a valid checksum: only somebody who wrote it by hand can send it.
TEST(SavedStateTest, ValuesThatNoSlotCanHaveAreRefused) {
  const auto refused = [](const std::function<void(SavedState&)>& change) {
    SavedState state = State();
    change(state);
    return Refusal(PackSavedState(state, kHash));
  };
  const char* expected = "not written by an env server";
  EXPECT_THAT(refused([](SavedState& s) { s.episode_steps = 10; }), HasSubstr(expected));
  EXPECT_THAT(refused([](SavedState& s) { s.episode_steps = -1; }), HasSubstr(expected));
  EXPECT_THAT(refused([](SavedState& s) { s.parameters[1] = 6; }), HasSubstr(expected));
  EXPECT_THAT(
      refused([](SavedState& s) { s.parameters[0] = std::numeric_limits<double>::quiet_NaN(); }),
      HasSubstr(expected));
  EXPECT_THAT(
      refused([](SavedState& s) { s.return_sum = std::numeric_limits<double>::infinity(); }),
      HasSubstr(expected));
  EXPECT_THAT(refused([](SavedState& s) {
                s.parameters = {0.5};
                s.env_state = "short";
              }),
              HasSubstr(expected));
  EXPECT_THAT(refused([](SavedState& s) {
                s.observation = "short";
                s.env_state = "";
              }),
              HasSubstr(expected));
}

}  // namespace
}  // namespace armature
