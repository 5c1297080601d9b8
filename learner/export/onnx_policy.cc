#include "learner/export/onnx_policy.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/policy/policy_network.h"
#include "common/policy/policy_wire.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "proto/learner_service.pb.h"
#include "proto/spec.pb.h"

namespace armature {
namespace {

constexpr int64_t kOpset = 17;  // The first with LayerNormalization.
constexpr int64_t kIrVersion = 8;
constexpr char kBatch[] = "N";
constexpr char kAction[] = "action";
// Inner values are named "/<what>"; no environment has such field names.
constexpr char kInside[] = "/";

int32_t OnnxType(v1::DType dtype) {
  switch (dtype) {
    case v1::DTYPE_FLOAT64:
      return onnx::TensorProto::DOUBLE;
    case v1::DTYPE_INT32:
      return onnx::TensorProto::INT32;
    case v1::DTYPE_INT64:
      return onnx::TensorProto::INT64;
    case v1::DTYPE_UINT8:
      return onnx::TensorProto::UINT8;
    default:  // DTYPE_FLOAT32; EnvSpec::Validate has rejected others.
      return onnx::TensorProto::FLOAT;
  }
}

void DescribeValue(const std::string& name, int32_t type, const std::vector<int64_t>& shape,
                   onnx::ValueInfoProto* value) {
  value->set_name(name);
  onnx::TypeProto::Tensor* tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape()->add_dim()->set_dim_param(kBatch);
  for (const int64_t extent : shape) tensor->mutable_shape()->add_dim()->set_dim_value(extent);
}

// Appends operators to a graph in order.
class GraphWriter {
 public:
  explicit GraphWriter(onnx::GraphProto* graph) : graph_(graph) {}

  // Adds a constant; `tensor` is float32 or int64 on the CPU. Returns its name.
  std::string Constant(const std::string& name, const at::Tensor& tensor) {
    onnx::TensorProto* constant = graph_->add_initializer();
    constant->set_name(kInside + name);
    constant->set_data_type(tensor.scalar_type() == at::kLong ? onnx::TensorProto::INT64
                                                              : onnx::TensorProto::FLOAT);
    for (const int64_t extent : tensor.sizes()) constant->add_dims(extent);
    const at::Tensor values = tensor.contiguous();
    constant->set_raw_data(values.const_data_ptr(), values.nbytes());
    return constant->name();
  }

  // Adds an `op` node with one output, named `output` if given.
  onnx::NodeProto* Add(const std::string& op, const std::vector<std::string>& inputs,
                       const std::string& output = "") {
    onnx::NodeProto* node = graph_->add_node();
    node->set_op_type(op);
    node->set_name(absl::StrCat(kInside, op, ".", graph_->node_size()));
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output.empty() ? absl::StrCat(node->name(), ".out") : output);
    return node;
  }

  // Adds the node and returns the name of its output.
  std::string Apply(const std::string& op, const std::vector<std::string>& inputs) {
    return Add(op, inputs)->output(0);
  }

 private:
  onnx::GraphProto* const graph_;
};

void SetInt(const std::string& name, int64_t value, onnx::NodeProto* node) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INT);
  attribute->set_i(value);
}

void SetFloat(const std::string& name, float value, onnx::NodeProto* node) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::FLOAT);
  attribute->set_f(value);
}

using TensorsByName = std::map<std::string, at::Tensor>;

// All fields, [N, D] float32.
std::string Flatten(const EnvSpec& env, GraphWriter* graph) {
  std::vector<std::string> columns;
  for (const FieldSpec& field : env.observation) {
    onnx::NodeProto* flat = graph->Add("Flatten", {field.name});
    SetInt("axis", 1, flat);
    columns.push_back(flat->output(0));
    if (field.dtype == v1::DTYPE_FLOAT32) continue;
    onnx::NodeProto* cast = graph->Add("Cast", {columns.back()});
    SetInt("to", onnx::TensorProto::FLOAT, cast);
    columns.back() = cast->output(0);
  }
  if (columns.size() == 1) return columns.front();
  onnx::NodeProto* joined = graph->Add("Concat", columns);
  SetInt("axis", 1, joined);
  return joined->output(0);
}

std::string Normalize(const v1::PolicySpec& spec, const TensorsByName& tensors,
                      const std::string& x, GraphWriter* graph) {
  if (!spec.normalize_observation()) return x;
  const auto constant = [&](const std::string& name) {
    return graph->Constant(name, tensors.at(name));
  };
  const std::string centred = graph->Apply("Sub", {x, constant("observation_normalizer.mean")});
  const std::string scaled = graph->Apply("Div", {centred, constant("observation_normalizer.std")});
  const at::Tensor clip = at::scalar_tensor(spec.observation_clip(), at::kFloat);
  return graph->Apply("Clip", {scaled, graph->Constant("observation_clip.low", -clip),
                               graph->Constant("observation_clip.high", clip)});
}

std::string NormalizeLayer(int layer, const TensorsByName& tensors, const std::string& x,
                           GraphWriter* graph) {
  std::vector<std::string> inputs = {x};
  for (const char* part : {"norm_gain", "norm_bias"}) {
    const std::string name = absl::StrCat("actor.", layer, ".", part);
    inputs.push_back(graph->Constant(name, tensors.at(name)));
  }
  onnx::NodeProto* node = graph->Add("LayerNormalization", inputs);
  SetInt("axis", -1, node);
  SetFloat("epsilon", kLayerNormEpsilon, node);
  return node->output(0);
}

std::string Activate(v1::PolicySpec::Activation activation, const std::string& x,
                     GraphWriter* graph) {
  switch (activation) {
    case v1::PolicySpec::ACTIVATION_TANH:
      return graph->Apply("Tanh", {x});
    case v1::PolicySpec::ACTIVATION_ELU:
      return graph->Apply("Elu", {x});
    case v1::PolicySpec::ACTIVATION_LEAKY_RELU: {
      onnx::NodeProto* node = graph->Add("LeakyRelu", {x});
      SetFloat("alpha", 0.01f, node);  // As in PyTorch.
      return node->output(0);
    }
    default:  // ACTIVATION_RELU; PolicyNetwork::Create has rejected others.
      return graph->Apply("Relu", {x});
  }
}

// What the mode is computed from: [N, A], given a normalised observation.
std::string Layers(const v1::PolicySpec& spec, const TensorsByName& tensors, std::string x,
                   GraphWriter* graph) {
  for (int i = 0; i <= spec.hidden_sizes_size(); ++i) {
    const bool is_head = i == spec.hidden_sizes_size();
    std::vector<std::string> inputs = {x};
    for (const char* part : {"weight", "bias"}) {
      const std::string name = absl::StrCat("actor.", i, ".", part);
      const at::Tensor& tensor = tensors.at(name);
      // The mode of a squashed Gaussian does not use the rows of its deviation.
      inputs.push_back(
          graph->Constant(name, is_head ? tensor.narrow(0, 0, spec.action_size()) : tensor));
    }
    onnx::NodeProto* linear = graph->Add("Gemm", inputs);
    SetInt("transB", 1, linear);
    x = linear->output(0);
    if (is_head) break;
    if (spec.layer_norm()) x = NormalizeLayer(i, tensors, x, graph);
    x = Activate(spec.activation(), x, graph);
  }
  return x;
}

// The most likely choice per component: int64 [N], or [N, C] for MultiDiscrete.
void Choose(const ActionSpec& action, const std::string& head, GraphWriter* graph) {
  const auto choose = [&](const std::string& logits, const std::string& output) {
    onnx::NodeProto* choice = graph->Add("ArgMax", {logits}, output);
    SetInt("axis", 1, choice);
    SetInt("keepdims", action.is_scalar() ? 0 : 1, choice);
    return choice->output(0);
  };
  if (action.is_scalar()) {
    choose(head, kAction);
    return;
  }
  onnx::NodeProto* split = graph->Add(
      "Split", {head, graph->Constant("action.choices", at::tensor(action.choices, at::kLong))});
  SetInt("axis", 1, split);
  std::vector<std::string> choices;
  for (size_t i = 0; i < action.choices.size(); ++i) {
    if (i > 0) split->add_output(absl::StrCat(split->name(), ".out", i));
    choices.push_back(choose(split->output(i), ""));
  }
  SetInt("axis", 1, graph->Add("Concat", choices, kAction));
}

// The output: the mode in the environment's units.
void Act(const v1::PolicySpec& spec, const ActionSpec& action, const std::string& head,
         GraphWriter* graph) {
  if (action.is_discrete()) return Choose(action, head, graph);
  const at::Tensor one = at::scalar_tensor(1, at::kFloat);
  const std::string unit =
      spec.head() == v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN
          ? graph->Apply("Clip", {head, graph->Constant("action.minus_one", -one),
                                  graph->Constant("action.one", one)})
          : graph->Apply("Tanh", {head});
  const at::Tensor low = at::tensor(action.low, at::kDouble);
  const at::Tensor high = at::tensor(action.high, at::kDouble);
  const auto constant = [&](const std::string& name, const at::Tensor& value) {
    return graph->Constant(name, value.to(at::kFloat));
  };
  const std::string scaled =
      graph->Apply("Mul", {unit, constant("action.half_range", (high - low) / 2)});
  const std::string moved =
      graph->Apply("Add", {scaled, constant("action.middle", (high + low) / 2)});
  // Rounding may exceed the bounds.
  const std::string bounded = graph->Apply("Max", {moved, constant("action.low", low)});
  graph->Add("Min", {bounded, constant("action.high", high)}, kAction);
}

std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  // Cannot fail for our messages: they have no Any and no unknown enum.
  (void)google::protobuf::util::MessageToJsonString(message, &json);
  return json;
}

// The metadata of docs/policy_file.md, except the format's own entries.
void AddMetadata(const PolicyFile& policy, onnx::ModelProto* model) {
  const v1::PolicyUpdate& weights = policy.weights;
  for (const auto& [key, value] : {std::pair<std::string, std::string>{"run_id", policy.run_id},
                                   {"env_id", policy.env.id},
                                   {"env", ToJson(policy.env.ToProto())},
                                   {"policy", ToJson(policy.policy)},
                                   {"policy_version", absl::StrCat(weights.version())},
                                   {"env_steps", absl::StrCat(weights.env_steps())},
                                   {"learner_steps", absl::StrCat(weights.learner_steps())}}) {
    onnx::StringStringEntryProto* entry = model->add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
}

absl::Status DescribeInputsAndOutput(const EnvSpec& env, onnx::GraphProto* graph) {
  for (const FieldSpec& field : env.observation) {
    if (field.name == kAction) {
      return absl::InvalidArgumentError(absl::StrCat(env.id, " has an observation field '", kAction,
                                                     "', which is the name of the model's output"));
    }
    DescribeValue(field.name, OnnxType(field.dtype), field.shape, graph->add_input());
  }
  if (env.action.is_scalar()) {
    DescribeValue(kAction, onnx::TensorProto::INT64, {}, graph->add_output());
  } else if (env.action.is_discrete()) {
    DescribeValue(kAction, onnx::TensorProto::INT64, {env.action.size()}, graph->add_output());
  } else {
    DescribeValue(kAction, onnx::TensorProto::FLOAT, {env.action.size()}, graph->add_output());
  }
  return absl::OkStatus();
}

// Returns the tensors, checked against the network that `policy` describes.
absl::StatusOr<TensorsByName> CheckedTensors(const PolicyFile& policy) {
  const v1::PolicySpec& spec = policy.policy;
  const EnvSpec& env = policy.env;
  if (env.observation_size() != spec.observation_size() ||
      env.action.policy_size() != spec.action_size() ||
      env.action.is_discrete() != (spec.head() == v1::PolicySpec::HEAD_CATEGORICAL)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the network takes ", spec.observation_size(), " values and gives ",
                     spec.action_size(), " (", v1::PolicySpec::Head_Name(spec.head()), "), but ",
                     env.id, " has ", env.observation_size(), " and ", env.action.policy_size()));
  }
  absl::StatusOr<std::unique_ptr<PolicyNetwork>> network = PolicyNetwork::Create(spec, at::kCPU);
  if (!network.ok()) return network.status();
  const absl::StatusOr<NamedTensors> tensors = DecodePolicy(policy.weights);
  if (!tensors.ok()) return tensors.status();
  if (absl::Status status = (*network)->Load(*tensors); !status.ok()) return status;
  // Otherwise, a part of the network missing in the graph would go unnoticed.
  const int deviation = spec.head() == v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN ? 1 : 0;
  const int normalizer = spec.normalize_observation() ? 2 : 0;
  const int norms = spec.layer_norm() ? 2 * spec.hidden_sizes_size() : 0;
  const size_t known = 2 * (spec.hidden_sizes_size() + 1) + norms + deviation + normalizer;
  if (tensors->size() != known) {
    return absl::UnimplementedError(absl::StrCat("the network has ", tensors->size(),
                                                 " tensors, of which ", known, " are exported"));
  }
  return TensorsByName(tensors->begin(), tensors->end());
}

}  // namespace

absl::StatusOr<onnx::ModelProto> ToOnnx(const PolicyFile& policy) {
  const absl::StatusOr<TensorsByName> tensors = CheckedTensors(policy);
  if (!tensors.ok()) return tensors.status();
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("armature");
  onnx::OperatorSetIdProto* opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(kOpset);
  AddMetadata(policy, &model);
  onnx::GraphProto* graph = model.mutable_graph();
  graph->set_name(absl::StrCat("policy of ", policy.env.id));
  absl::Status status = DescribeInputsAndOutput(policy.env, graph);
  if (!status.ok()) return status;

  GraphWriter writer(graph);
  const v1::PolicySpec& spec = policy.policy;
  const std::string observation = Flatten(policy.env, &writer);
  const std::string normalized = Normalize(spec, *tensors, observation, &writer);
  Act(spec, policy.env.action, Layers(spec, *tensors, normalized, &writer), &writer);
  return model;
}

}  // namespace armature
