#include "envserver/actuators/actuator_network.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/random/rng.h"
#include "envserver/actuators/testing/network_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

const std::vector<int> kPublished = {6, 32, 32, 32};

std::vector<float> RandomInputs(int size, double size_max) {
  Rng rng({11});
  std::vector<float> inputs(size);
  for (float& each : inputs) each = static_cast<float>(rng.Uniform(-size_max, size_max));
  return inputs;
}

TEST(ActuatorNetwork, ComputesWhatTheLayersInTheFileSay) {
  for (const char* activation : {"softsign", "tanh", "elu"}) {
    for (const std::vector<int>& sizes :
         {kPublished, std::vector<int>{2, 1}, {4, 7, 33}, {10, 256, 3, 50, 8}}) {
      const NetworkFile file = RandomNetworkFile(sizes, activation);
      const auto network = ActuatorNetwork::Parse(file.Content());
      ASSERT_TRUE(network.ok()) << network.status();
      EXPECT_EQ((*network)->num_inputs(), sizes[0]);
      EXPECT_EQ((*network)->history(), sizes[0] / 2);
      constexpr int kJoints = 12;
      const std::vector<float> inputs = RandomInputs(kJoints * sizes[0], 6);
      std::vector<float> torque(kJoints);
      (*network)->Evaluate(inputs, absl::MakeSpan(torque));
      for (int joint = 0; joint < kJoints; ++joint) {
        const auto own = inputs.begin() + joint * sizes[0];
        EXPECT_NEAR(torque[joint], file.Torque({own, own + sizes[0]}), 2e-4)
            << activation << ", joint " << joint;
      }
    }
  }
}

// Expected torques: NumPy, in float64, from the tensors of the file.
TEST(ActuatorNetwork, TheFileOfTheAnymalTaskGivesThePythonSidesTorques) {
  const auto network = ActuatorNetwork::LoadOnce("envserver/actuators/anymal_sea.safetensors");
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ((*network)->torque_max(), 40);
  const std::vector<float> inputs = {0,    0,    0,    0,   0,  0,   //
                                     0.1,  0.1,  0.1,  0,   0,  0,   //
                                     -0.2, -0.1, 0.05, 1.5, -2, 3,   //
                                     0.5,  0.4,  0.3,  -8,  -6, -4,  //
                                     -1,   -1,   -1,   12,  11, 10};
  std::vector<float> torque(5);
  (*network)->Evaluate(inputs, absl::MakeSpan(torque));
  EXPECT_THAT(torque, ElementsAre(FloatNear(0.0203148, 1e-4), FloatNear(4.97113, 1e-4),
                                  FloatNear(-2.03562, 1e-4), FloatNear(23.36130, 1e-4),
                                  FloatNear(-44.89696, 1e-4)));
}

TEST(ActuatorNetwork, TellsWhatTheFileSaysOfTimeAndLimit) {
  const auto network = ActuatorNetwork::Parse(RandomNetworkFile(kPublished, "elu").Content());
  ASSERT_TRUE(network.ok());
  EXPECT_EQ((*network)->history_interval_s(), 0.01);
  EXPECT_EQ((*network)->torque_max(), 40);
}

TEST(ActuatorNetwork, HugeInputsGiveFiniteTorques) {
  for (const char* activation : {"softsign", "tanh"}) {
    NetworkFile file = RandomNetworkFile(kPublished, activation);
    for (float& scale : file.tensors["input.scale"].values) scale = 1e-6f;
    for (float& weight : file.tensors["layer.0.weight"].values) weight = 1e6f;
    const auto network = ActuatorNetwork::Parse(file.Content());
    ASSERT_TRUE(network.ok()) << network.status();
    std::vector<float> torque(1);
    (*network)->Evaluate(std::vector<float>(6, 1e20f), absl::MakeSpan(torque));
    EXPECT_TRUE(std::isfinite(torque[0])) << activation;
  }
}

// What is wrong with a file that `change` has changed.
template <typename Change>
std::string Refusal(Change change) {
  NetworkFile file = RandomNetworkFile(kPublished, "softsign");
  change(file);
  const absl::Status status = ActuatorNetwork::Parse(file.Content()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

TEST(ActuatorNetwork, WrongMetadataAreRefusedByName) {
  const auto with = [](const char* key, const char* value) {
    return Refusal([&](NetworkFile& file) { file.metadata[key] = value; });
  };
  EXPECT_THAT(with("kind", "armature policy"),
              AllOf(HasSubstr("kind"), HasSubstr("armature policy")));
  EXPECT_THAT(with("format_version", "2"), HasSubstr("format_version is '2', expected '1'"));
  EXPECT_THAT(with("activation", "relu"), HasSubstr("'relu', expected softsign, tanh or elu"));
  for (const char* number : {"0", "-1", "nan", "inf", "2", "fast"}) {
    EXPECT_THAT(with("history_interval_s", number),
                AllOf(HasSubstr(absl::StrCat("history_interval_s is '", number, "'")),
                      HasSubstr("at most 1")));
  }
  EXPECT_THAT(with("torque_max", "0"), HasSubstr("torque_max is '0'"));
  for (const char* key :
       {"kind", "format_version", "activation", "history_interval_s", "torque_max"}) {
    EXPECT_EQ(Refusal([&](NetworkFile& file) { file.metadata.erase(key); }),
              absl::StrCat("no metadata ", key));
  }
}

TEST(ActuatorNetwork, WrongShapesAreRefusedWithTensorShapeAndExpectedOne) {
  const auto reshape = [](const char* name, const std::vector<int64_t>& shape) {
    return Refusal([&](NetworkFile& file) {
      int64_t size = 1;
      for (const int64_t extent : shape) size *= extent;
      file.tensors[name] = {shape, std::vector<float>(size, 0.5f)};
    });
  };
  EXPECT_THAT(reshape("layer.1.weight", {32, 31}),
              HasSubstr("tensor layer.1.weight is F32 [32, 31], expected F32 [32, 32]"));
  EXPECT_THAT(reshape("layer.1.weight", {32 * 32}),
              HasSubstr("[1024], expected [outputs, inputs]"));
  EXPECT_THAT(reshape("layer.1.weight", {257, 32}), HasSubstr("expected 1 to 256 outputs"));
  EXPECT_THAT(reshape("layer.2.bias", {31}),
              HasSubstr("tensor layer.2.bias is F32 [31], expected F32 [32]"));
  EXPECT_THAT(reshape("layer.3.weight", {2, 32}),
              HasSubstr("layer.3.weight has 2 outputs, expected 1"));
  EXPECT_THAT(reshape("layer.0.weight", {32, 5}), HasSubstr("5 inputs, expected an even number"));
  EXPECT_THAT(reshape("layer.0.weight", {32, 66}), HasSubstr("expected 1 to 64 inputs"));
  EXPECT_THAT(reshape("input.scale", {3}), HasSubstr("tensor input.scale is F32 [3]"));
  EXPECT_THAT(reshape("output.scale", {2}), HasSubstr("tensor output.scale is F32 [2]"));
  EXPECT_EQ(reshape("layer.5.weight", {1, 1}), "unknown tensor layer.5.weight");
}

TEST(ActuatorNetwork, MissingTensorsAreRefusedByName) {
  for (const char* name : {"layer.0.weight", "layer.2.bias", "input.scale", "output.scale"}) {
    EXPECT_THAT(Refusal([&](NetworkFile& file) { file.tensors.erase(name); }),
                HasSubstr(absl::StrCat("no tensor ", name)));
  }
}

TEST(ActuatorNetwork, WrongNumbersAreRefusedWithTensorElementAndLimit) {
  for (const float wrong : {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(), 2e6f, -2e6f}) {
    for (const char* name : {"layer.1.weight", "layer.1.bias", "layer.3.bias"}) {
      EXPECT_THAT(Refusal([&](NetworkFile& file) { file.tensors[name].values.back() = wrong; }),
                  AllOf(HasSubstr(absl::StrCat("tensor ", name, " has ", wrong, " as element ")),
                        HasSubstr("expected finite and at most 1e+06")));
    }
  }
  for (const char* name : {"input.scale", "output.scale"}) {
    for (const float wrong : {0.0f, -1.0f, 1e-7f}) {
      EXPECT_THAT(Refusal([&](NetworkFile& file) { file.tensors[name].values[0] = wrong; }),
                  HasSubstr(absl::StrCat("tensor ", name, " has ", wrong, ", expected at least")));
    }
  }
}

TEST(ActuatorNetwork, AFileIsReadOnceAndItsErrorsNameIt) {
  const std::string path = testing::TempDir() + "/network.safetensors";
  std::filesystem::remove(path);  // Of an earlier run.
  EXPECT_EQ(ActuatorNetwork::LoadOnce(path).status().code(), absl::StatusCode::kNotFound);
  const std::string content = RandomNetworkFile(kPublished, "tanh").Content();
  const auto write = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  };
  write(content.substr(0, content.size() - 1));
  const absl::Status damaged = ActuatorNetwork::LoadOnce(path).status();
  EXPECT_EQ(damaged.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(damaged.message(), HasSubstr(path));
  write(content);
  const auto network = ActuatorNetwork::LoadOnce(path);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(ActuatorNetwork::LoadOnce(path).value(), *network);
}

}  // namespace
}  // namespace armature
