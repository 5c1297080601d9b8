#include "learner/training/demonstrations.h"

#include <map>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/random/rng.h"
#include "common/tensor/packed.h"
#include "learner/checkpoint/tensor_file.h"

namespace armature {
namespace {

constexpr char kKind[] = "armature demonstrations";
constexpr char kFormatVersion[] = "1";
// Tensors of the two actions of a step.
constexpr char kProposed[] = "action";
constexpr char kExecuted[] = "executed_action";
// Tolerance of an action scaled to [-1, 1]: float32 rounds bounds and actions.
constexpr float kBoundTolerance = 1e-4F;

using Tensors = std::map<std::string, at::Tensor>;

// The steps in the file, on the CPU, checked and scaled.
struct Steps {
  at::Tensor observation;       // float32 [n, D]
  at::Tensor action;            // float32 [n, A], in [-1, 1]
  at::Tensor reward;            // float32 [n]
  at::Tensor next_observation;  // float32 [n, D]
  at::Tensor terminated;        // uint8 [n]
  at::Tensor truncated;         // uint8 [n]
};

absl::Status CheckKind(const std::map<std::string, std::string>& metadata) {
  const auto entry = [&metadata](const char* name) {
    const auto found = metadata.find(name);
    return found == metadata.end() ? std::string() : found->second;
  };
  if (entry("kind") == kKind && entry("format_version") == kFormatVersion) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("it is '", entry("kind"), "' of format '",
                                                 entry("format_version"), "', expected '", kKind,
                                                 "' of format '", kFormatVersion, "'"));
}

// E.g. "float32 [5,2]".
std::string Form(at::ScalarType type, at::IntArrayRef shape) {
  const absl::string_view name = type == at::kByte    ? "uint8"
                                 : type == at::kInt   ? "int32"
                                 : type == at::kLong  ? "int64"
                                 : type == at::kFloat ? "float32"
                                                      : "float64";
  return absl::StrCat(name, " [", absl::StrJoin(shape, ","), "]");
}

// Removes a tensor from `tensors` and returns it; it must have n rows of `row`'s shape.
absl::StatusOr<at::Tensor> Take(const std::string& name, at::ScalarType type, int64_t n,
                                const std::vector<int64_t>& row, Tensors* tensors) {
  std::vector<int64_t> shape = {n};
  shape.insert(shape.end(), row.begin(), row.end());
  const std::string expected = Form(type, shape);
  const auto found = tensors->find(name);
  if (found == tensors->end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor ", name, " is missing, expected ", expected));
  }
  at::Tensor tensor = found->second;
  tensors->erase(found);
  if (tensor.scalar_type() != type || tensor.sizes() != at::IntArrayRef(shape)) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " is ",
                                                   Form(tensor.scalar_type(), tensor.sizes()),
                                                   ", expected ", expected));
  }
  if (type == at::kByte) {
    if ((tensor <= 1).all().item<bool>()) return tensor;
    return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " is not 0 or 1 throughout"));
  }
  const int64_t bad = FindNonFinite(
      absl::MakeConstSpan(tensor.const_data_ptr<float>(), static_cast<size_t>(tensor.numel())));
  if (bad < 0) return tensor;
  return absl::InvalidArgumentError(
      absl::StrCat("tensor ", name, FormatIndex(bad, shape), " is not finite"));
}

// Takes the fields "<prefix>.<field>", flattened and concatenated in the spec's order.
absl::StatusOr<at::Tensor> TakeObservation(const std::string& prefix, const EnvSpec& env, int64_t n,
                                           Tensors* tensors) {
  std::vector<at::Tensor> fields;
  for (const FieldSpec& field : env.observation) {
    absl::StatusOr<at::Tensor> values =
        Take(absl::StrCat(prefix, ".", field.name), at::kFloat, n, field.shape, tensors);
    if (!values.ok()) return values.status();
    fields.push_back(values->reshape({n, field.size()}));
  }
  return at::cat(fields, 1);
}

// Scales from the environment's bounds to [-1, 1].
absl::Status ScaleAction(const ActionSpec& spec, const std::string& name, at::Tensor* action) {
  const at::Tensor low = at::tensor(spec.low, at::kDouble);
  const at::Tensor high = at::tensor(spec.high, at::kDouble);
  const at::Tensor scaled = 2 * (action->to(at::kDouble) - low) / (high - low) - 1;
  const at::Tensor beyond = scaled.abs().flatten() > 1 + kBoundTolerance;
  if (beyond.any().item<bool>()) {
    const int64_t first = beyond.to(at::kByte).argmax().item<int64_t>();
    const int64_t component = first % spec.size();
    return absl::InvalidArgumentError(
        absl::StrCat("tensor ", name, FormatIndex(first, action->sizes()), " is ",
                     action->flatten()[first].item<float>(), ", beyond the action's bounds [",
                     spec.low[component], ", ", spec.high[component], "]"));
  }
  *action = scaled.clamp(-1, 1).to(at::kFloat);
  return absl::OkStatus();
}

// Takes the actions that are learned from; executed ones may be there or not, if they are not.
absl::StatusOr<at::Tensor> TakeActions(bool executed, const EnvSpec& env, int64_t n,
                                       Tensors* tensors) {
  absl::StatusOr<at::Tensor> learned;
  for (const std::string name : {kProposed, kExecuted}) {
    const bool is_learned = (name == kExecuted) == executed;
    const bool is_known = name == kProposed || env.reports_executed_action;
    const bool is_optional = name == kExecuted && !is_learned;
    if (!is_known || (is_optional && tensors->count(name) == 0)) continue;
    absl::StatusOr<at::Tensor> actions = Take(name, at::kFloat, n, {env.action.size()}, tensors);
    if (!actions.ok()) return actions;
    if (absl::Status status = ScaleAction(env.action, name, &*actions); !status.ok()) return status;
    if (is_learned) learned = *std::move(actions);
  }
  return learned;
}

absl::StatusOr<Steps> Take(const TensorFile& file, const EnvSpec& env, bool executed) {
  if (absl::Status status = CheckKind(file.metadata); !status.ok()) return status;
  Tensors tensors(file.tensors.begin(), file.tensors.end());
  const auto rewards = tensors.find("reward");
  const int64_t n = rewards == tensors.end() ? 0 : rewards->second.numel();
  if (n == 0) return absl::InvalidArgumentError("it holds no step (tensor reward)");
  Steps steps;
  absl::Status status;
  const auto put = [&status](absl::StatusOr<at::Tensor> tensor, at::Tensor* out) {
    status.Update(tensor.status());
    if (tensor.ok()) *out = *std::move(tensor);
  };
  put(TakeObservation("observation", env, n, &tensors), &steps.observation);
  put(TakeObservation("next_observation", env, n, &tensors), &steps.next_observation);
  put(TakeActions(executed, env, n, &tensors), &steps.action);
  put(Take("reward", at::kFloat, n, {}, &tensors), &steps.reward);
  put(Take("terminated", at::kByte, n, {}, &tensors), &steps.terminated);
  put(Take("truncated", at::kByte, n, {}, &tensors), &steps.truncated);
  if (status.ok() && !tensors.empty()) {
    status = absl::InvalidArgumentError(
        absl::StrCat("tensor ", tensors.begin()->first, " is nothing that ", env.id, " has"));
  }
  if (!status.ok()) return status;
  return steps;
}

// Makes runs of up to `n_step` steps that end with their episode or the file.
TransitionSample MakeRuns(const Steps& steps, int64_t n_step, double gamma) {
  const int64_t n = steps.reward.size(0);
  const float* reward = steps.reward.const_data_ptr<float>();
  const uint8_t* terminated = steps.terminated.const_data_ptr<uint8_t>();
  const uint8_t* truncated = steps.truncated.const_data_ptr<uint8_t>();
  std::vector<int64_t> last(n);
  std::vector<float> sum(n);
  std::vector<float> discount(n);
  for (int64_t begin = 0; begin < n; ++begin) {
    double total = 0;
    double factor = 1;
    for (int64_t i = begin; i < n && i < begin + n_step; ++i) {
      total += factor * reward[i];
      factor *= gamma;
      last[begin] = i;
      if (terminated[i] != 0 || truncated[i] != 0) break;
    }
    sum[begin] = static_cast<float>(total);
    discount[begin] = static_cast<float>(factor);
  }
  const at::Tensor ends = at::tensor(last, at::kLong);
  TransitionSample runs;
  runs.observation = steps.observation;
  runs.action = steps.action;
  runs.reward = at::tensor(sum);
  runs.next_observation = steps.next_observation.index_select(0, ends);
  runs.terminated = steps.terminated.index_select(0, ends).to(at::kFloat);
  runs.discount = at::tensor(discount);
  runs.weight = at::ones({n});
  return runs;
}

using Member = at::Tensor TransitionSample::*;
constexpr Member kMembers[] = {
    &TransitionSample::observation,      &TransitionSample::action,     &TransitionSample::reward,
    &TransitionSample::next_observation, &TransitionSample::terminated, &TransitionSample::discount,
    &TransitionSample::weight,
};

}  // namespace

absl::StatusOr<Demonstrations> Demonstrations::Read(const std::string& path, const EnvSpec& env,
                                                    const Options& options) {
  const absl::StatusOr<TensorFile> file = TensorFile::Read(path);
  if (!file.ok()) return file.status();
  const absl::StatusOr<Steps> steps = Take(*file, env, options.executed);
  if (!steps.ok()) {
    return absl::Status(steps.status().code(), absl::StrCat(path, ": ", steps.status().message()));
  }
  return Demonstrations(options, MakeRuns(*steps, options.n_step, options.gamma));
}

Demonstrations::Demonstrations(const Options& options, TransitionSample steps)
    : options_(options), steps_(std::move(steps)) {
  for (const Member member : kMembers) steps_.*member = (steps_.*member).to(options_.device);
}

TransitionSample Demonstrations::AppendTo(const TransitionSample& sample,
                                          int64_t learner_step) const {
  Rng rng({options_.seed, static_cast<uint64_t>(learner_step)});
  std::vector<int64_t> drawn(options_.batch_size);
  for (int64_t& row : drawn) row = rng.Index(steps());
  const at::TensorOptions host =
      at::TensorOptions(at::kLong).pinned_memory(options_.device.is_cuda());
  const at::Tensor rows =  // From pinned memory nothing waits for a GPU.
      at::empty({options_.batch_size}, host)
          .copy_(at::tensor(drawn, at::kLong))
          .to(options_.device, /*non_blocking=*/true);
  TransitionSample joined;
  for (const Member member : kMembers) {
    joined.*member = at::cat({sample.*member, (steps_.*member).index_select(0, rows)});
  }
  joined.demonstrations = options_.cloned ? options_.batch_size : 0;
  return joined;
}

}  // namespace armature
