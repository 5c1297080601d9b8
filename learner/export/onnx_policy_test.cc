// The numbers are tested in tests/integration/export_test.sh, which runs the models.
#include "learner/export/onnx_policy.h"

#include <map>
#include <string>

#include "common/policy/policy_network.h"
#include "common/policy/policy_wire.h"
#include "common/spec/env_spec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/checker.h"
#include "proto/learner_service.pb.h"

namespace armature {
namespace {

using ::testing::HasSubstr;
using Spec = v1::PolicySpec;

EnvSpec ExampleEnv(bool discrete) {
  EnvSpec env;
  env.id = "example";
  env.observation = {{"joints", v1::DTYPE_FLOAT64, {2, 3}, {}, {}},
                     {"clock", v1::DTYPE_INT64, {}, {}, {}}};
  if (discrete) {
    env.action.choices = {4};
  } else {
    env.action = ActionSpec{{-2, 0.1}, {2, 0.3}};
  }
  env.control_period_s = 0.04;
  return env;
}

PolicyFile ExamplePolicy(const EnvSpec& env, Spec::Head head, bool layer_norm = false) {
  Spec spec;
  spec.set_head(head);
  spec.add_hidden_sizes(8);
  spec.set_activation(Spec::ACTIVATION_ELU);
  spec.set_layer_norm(layer_norm);
  spec.set_observation_size(env.observation_size());
  spec.set_action_size(env.action.policy_size());
  spec.set_normalize_observation(true);
  spec.set_observation_clip(5);
  PolicyFile policy{"run", env, spec, {}};
  policy.weights.set_env_steps(800);
  EncodePolicy(PolicyNetwork::Create(spec, c10::Device(c10::kCPU)).value()->tensors(),
               &policy.weights);
  return policy;
}

std::string Describe(const onnx::ValueInfoProto& value) {
  const onnx::TypeProto::Tensor& tensor = value.type().tensor_type();
  std::string text = value.name() + ":" +
                     onnx::TensorProto::DataType_Name(
                         static_cast<onnx::TensorProto::DataType>(tensor.elem_type()));
  for (const auto& dim : tensor.shape().dim()) {
    text += " " + (dim.has_dim_param() ? dim.dim_param() : std::to_string(dim.dim_value()));
  }
  return text;
}

TEST(OnnxPolicy, IsAModelThatOnnxsOwnCheckerAcceptsWithEveryHead) {
  for (const Spec::Head head : {Spec::HEAD_SQUASHED_GAUSSIAN, Spec::HEAD_DIAGONAL_GAUSSIAN,
                                Spec::HEAD_CATEGORICAL, Spec::HEAD_TANH}) {
    const EnvSpec env = ExampleEnv(head == Spec::HEAD_CATEGORICAL);
    for (const bool layer_norm : {false, true}) {
      const onnx::ModelProto model = ToOnnx(ExamplePolicy(env, head, layer_norm)).value();
      EXPECT_NO_THROW(onnx::checker::check_model(model)) << Spec::Head_Name(head);
    }
  }
}

TEST(OnnxPolicy, TakesTheFieldsOfTheObservationWithTheirOwnTypesInAnyNumber) {
  const onnx::ModelProto model = ToOnnx(ExamplePolicy(ExampleEnv(false), Spec::HEAD_TANH)).value();
  ASSERT_EQ(model.graph().input_size(), 2);
  EXPECT_EQ(Describe(model.graph().input(0)), "joints:DOUBLE N 2 3");
  EXPECT_EQ(Describe(model.graph().input(1)), "clock:INT64 N");
}

TEST(OnnxPolicy, GivesABoxAsFloatsAndAChoiceAsAnIndex) {
  const onnx::ModelProto box = ToOnnx(ExamplePolicy(ExampleEnv(false), Spec::HEAD_TANH)).value();
  ASSERT_EQ(box.graph().output_size(), 1);
  EXPECT_EQ(Describe(box.graph().output(0)), "action:FLOAT N 2");
  const onnx::ModelProto choice =
      ToOnnx(ExamplePolicy(ExampleEnv(true), Spec::HEAD_CATEGORICAL)).value();
  ASSERT_EQ(choice.graph().output_size(), 1);
  EXPECT_EQ(Describe(choice.graph().output(0)), "action:INT64 N");

  EnvSpec env = ExampleEnv(true);
  env.action.choices = {4, 2, 3};
  PolicyFile policy = ExamplePolicy(env, Spec::HEAD_CATEGORICAL);
  policy.policy.mutable_choices()->Add(env.action.choices.begin(), env.action.choices.end());
  const onnx::ModelProto choices = ToOnnx(policy).value();
  EXPECT_EQ(Describe(choices.graph().output(0)), "action:INT64 N 3");
  EXPECT_NO_THROW(onnx::checker::check_model(choices));
}

TEST(OnnxPolicy, SaysItsOpsetAndWhereItIsFrom) {
  const onnx::ModelProto model = ToOnnx(ExamplePolicy(ExampleEnv(false), Spec::HEAD_TANH)).value();
  ASSERT_EQ(model.opset_import_size(), 1);
  EXPECT_EQ(model.opset_import(0).version(), 17);
  EXPECT_EQ(model.ir_version(), 8);
  std::map<std::string, std::string> metadata;
  for (const auto& entry : model.metadata_props()) metadata[entry.key()] = entry.value();
  EXPECT_EQ(metadata["run_id"], "run");
  EXPECT_EQ(metadata["env_id"], "example");
  EXPECT_EQ(metadata["env_steps"], "800");
  EXPECT_THAT(metadata["policy"], HasSubstr("HEAD_TANH"));
}

TEST(OnnxPolicy, ATensorThatDoesNotFitIsRefusedByItsName) {
  PolicyFile policy = ExamplePolicy(ExampleEnv(false), Spec::HEAD_TANH);
  policy.policy.set_hidden_sizes(0, 9);
  EXPECT_THAT(ToOnnx(policy).status().message(), HasSubstr("actor.0.weight: shape is [8,7]"));
}

TEST(OnnxPolicy, ANetworkForAnotherEnvironmentIsRefused) {
  PolicyFile policy = ExamplePolicy(ExampleEnv(false), Spec::HEAD_TANH);
  policy.env.observation.pop_back();
  EXPECT_THAT(ToOnnx(policy).status().message(), HasSubstr("takes 7 values and gives 2"));
}

TEST(OnnxPolicy, AFieldWithTheNameOfTheOutputIsRefused) {
  EnvSpec env = ExampleEnv(false);
  env.observation[1].name = "action";
  EXPECT_THAT(ToOnnx(ExamplePolicy(env, Spec::HEAD_TANH)).status().message(),
              HasSubstr("field 'action'"));
}

}  // namespace
}  // namespace armature
