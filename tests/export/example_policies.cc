// Writes policies with random weights, of every kind that the learner can make, and
// what an actor does with them: example_policies FOLDER. For each policy
//   NAME.safetensors      the policy file
//   NAME.acted            a safetensors file: the observation's fields, [n, ...] with
//                         their own dtypes, and "sent", float32 [n, A], the actor's
//                         deterministic actions
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "actor/act/policy_runner.h"
#include "common/policy/policy_network.h"
#include "common/spec/env_spec.h"
#include "learner/checkpoint/policy_file.h"
#include "learner/checkpoint/tensor_file.h"
#include "proto/learner_service.pb.h"

namespace armature {
namespace {

using Spec = v1::PolicySpec;

constexpr int64_t kRows = 512;
// The last rows are far out, so that clipping and saturation are reached.
constexpr int64_t kFarRows = 32;
constexpr double kFar = 1e4;

// `choices`: of each component of the action; empty: a Box.
EnvSpec ExampleEnv(const std::vector<int64_t>& choices) {
  EnvSpec env;
  env.id = "example";
  env.observation = {{"joints", v1::DTYPE_FLOAT64, {2, 3}, {}, {}},
                     {"goal", v1::DTYPE_FLOAT32, {3}, {}, {}},
                     {"gear", v1::DTYPE_INT32, {}, {}, {}},
                     {"clock", v1::DTYPE_INT64, {1}, {}, {}},
                     {"picture", v1::DTYPE_UINT8, {2, 2}, {}, {}}};
  env.action.choices = choices;
  if (choices.empty()) {
    env.action = ActionSpec{{-1, -2.5, 0.1}, {1, 40, 0.3}};
  }
  env.control_period_s = 0.04;
  return env;
}

Spec ExampleSpec(const EnvSpec& env, Spec::Head head, Spec::Activation activation, bool normalize,
                 bool layer_norm) {
  Spec spec;
  spec.set_head(head);
  spec.set_activation(activation);
  for (const uint32_t size : {32, 16}) spec.add_hidden_sizes(size);
  spec.set_observation_size(env.observation_size());
  spec.set_action_size(env.action.policy_size());
  if (env.action.choices.size() > 1) {
    spec.mutable_choices()->Add(env.action.choices.begin(), env.action.choices.end());
  }
  spec.set_normalize_observation(normalize);
  if (normalize) spec.set_observation_clip(3);
  spec.set_layer_norm(layer_norm);
  return spec;
}

at::ScalarType TorchType(v1::DType dtype) {
  switch (dtype) {
    case v1::DTYPE_FLOAT64:
      return at::kDouble;
    case v1::DTYPE_INT32:
      return at::kInt;
    case v1::DTYPE_INT64:
      return at::kLong;
    case v1::DTYPE_UINT8:
      return at::kByte;
    default:
      return at::kFloat;
  }
}

NamedTensors RandomFields(const EnvSpec& env) {
  NamedTensors fields;
  for (const FieldSpec& field : env.observation) {
    std::vector<int64_t> shape = {kRows};
    shape.insert(shape.end(), field.shape.begin(), field.shape.end());
    at::Tensor values = 2 * at::randn(shape, at::kFloat);
    values.narrow(0, kRows - kFarRows, kFarRows).mul_(kFar);
    if (field.dtype == v1::DTYPE_UINT8) values = values.abs().clamp(0, 255);
    fields.emplace_back(field.name, values.to(TorchType(field.dtype)));
  }
  return fields;
}

// All fields, flattened and joined, as actors have them.
std::vector<float> Flatten(const NamedTensors& fields) {
  std::vector<at::Tensor> columns;
  for (const auto& [name, values] : fields) {
    columns.push_back(values.reshape({kRows, -1}).to(at::kFloat));
  }
  const at::Tensor joined = at::cat(columns, 1).contiguous();
  const float* begin = joined.const_data_ptr<float>();
  return {begin, begin + joined.numel()};
}

// Wide enough that activations and heads leave their linear parts.
absl::StatusOr<std::shared_ptr<PolicyNetwork>> RandomNetwork(const Spec& spec) {
  absl::StatusOr<std::unique_ptr<PolicyNetwork>> network =
      PolicyNetwork::Create(spec, c10::Device(c10::kCPU));
  if (!network.ok()) return network.status();
  NamedTensors tensors;
  for (const auto& [name, like] : (*network)->tensors()) {
    at::Tensor values = 0.3 * at::randn_like(like);
    if (name == "observation_normalizer.std") values = at::rand_like(like) + 0.5;
    if (absl::EndsWith(name, ".norm_gain")) values += 2;
    tensors.emplace_back(name, values);
  }
  if (absl::Status status = (*network)->Load(tensors); !status.ok()) return status;
  return std::shared_ptr<PolicyNetwork>(*std::move(network));
}

absl::Status WriteExample(const EnvSpec& env, const Spec& spec, const std::string& path) {
  absl::StatusOr<std::shared_ptr<PolicyNetwork>> network = RandomNetwork(spec);
  if (!network.ok()) return network.status();
  v1::PolicyUpdate counters;
  counters.set_version(7);
  counters.set_env_steps(800);
  counters.set_learner_steps(90);
  const absl::Status written = MakePolicyFile("example", env, spec, counters, (*network)->tensors())
                                   .Write(path + ".safetensors")
                                   .status();
  if (!written.ok()) return written;

  PolicyRunner::Options options;
  options.env = env;
  options.policy = spec;
  options.num_slots = kRows;
  absl::StatusOr<std::unique_ptr<PolicyRunner>> runner = PolicyRunner::Create(options);
  if (!runner.ok()) return runner.status();
  TensorFile acted;
  acted.tensors = RandomFields(env);
  absl::StatusOr<GroupActions> actions =
      (*runner)->RunDeterministic({1, *std::move(network)}, Flatten(acted.tensors));
  if (!actions.ok()) return actions.status();
  acted.tensors.emplace_back("sent", at::tensor(actions->sent).view({kRows, env.action.size()}));
  return acted.Write(path + ".acted").status();
}

struct Kind {
  Spec::Head head;
  std::vector<int64_t> choices;
};

absl::Status WriteExamples(const std::string& folder) {
  at::manual_seed(0);
  for (const auto& [head, choices] :
       {Kind{Spec::HEAD_SQUASHED_GAUSSIAN, {}}, Kind{Spec::HEAD_DIAGONAL_GAUSSIAN, {}},
        Kind{Spec::HEAD_CATEGORICAL, {5}}, Kind{Spec::HEAD_CATEGORICAL, {5, 2, 3}},
        Kind{Spec::HEAD_TANH, {}}}) {
    const EnvSpec env = ExampleEnv(choices);
    for (const Spec::Activation activation : {Spec::ACTIVATION_RELU, Spec::ACTIVATION_TANH,
                                              Spec::ACTIVATION_ELU, Spec::ACTIVATION_LEAKY_RELU}) {
      for (const auto& [normalize, layer_norm] :
           {std::pair(false, false), {true, false}, {false, true}, {true, true}}) {
        const std::string name = absl::AsciiStrToLower(
            absl::StrCat(Spec::Head_Name(head), "-", absl::StrJoin(choices, "x"), "-",
                         Spec::Activation_Name(activation), normalize ? "-normalized" : "",
                         layer_norm ? "-layer_norm" : ""));
        const absl::Status status = WriteExample(
            env, ExampleSpec(env, head, activation, normalize, layer_norm), folder + "/" + name);
        if (!status.ok()) return status;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) {
  const absl::Status status =
      argc == 2 ? armature::WriteExamples(argv[1]) : absl::InvalidArgumentError("usage: FOLDER");
  if (status.ok()) return 0;
  std::cerr << "example_policies: " << status.message() << std::endl;
  return 1;
}
