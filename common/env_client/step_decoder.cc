#include "common/env_client/step_decoder.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

template <typename T>
void CopyColumns(const v1::Tensor& field, int64_t rows, int64_t columns, int64_t stride,
                 float* out) {
  const absl::Span<const T> values = TensorValues<T>(field);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      out[row * stride + column] = static_cast<float>(values[row * columns + column]);
    }
  }
}

void CopyField(const v1::Tensor& field, int64_t rows, int64_t columns, int64_t stride, float* out) {
  switch (field.dtype()) {
    case v1::DTYPE_FLOAT32:
      return CopyColumns<float>(field, rows, columns, stride, out);
    case v1::DTYPE_FLOAT64:
      return CopyColumns<double>(field, rows, columns, stride, out);
    case v1::DTYPE_INT32:
      return CopyColumns<int32_t>(field, rows, columns, stride, out);
    case v1::DTYPE_INT64:
      return CopyColumns<int64_t>(field, rows, columns, stride, out);
    default:  // CheckTensor accepts no other dtypes.
      return CopyColumns<uint8_t>(field, rows, columns, stride, out);
  }
}

absl::Status ReadFlags(const v1::Tensor& tensor, int64_t num_slots, absl::string_view name,
                       std::vector<uint8_t>* out) {
  if (absl::Status status = CheckFlags(tensor, {num_slots}, name); !status.ok()) return status;
  const absl::Span<const uint8_t> values = TensorValues<uint8_t>(tensor);
  out->assign(values.begin(), values.end());
  return absl::OkStatus();
}

absl::Status CheckEnds(const v1::StepBatch& batch, const DecodedStep& step) {
  std::vector<uint32_t> ended;
  for (int64_t slot = 0; slot < step.num_slots(); ++slot) {
    const bool any = step.ended(slot);
    if (any && step.restarted[slot] != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("restarted[", slot, "] is 1 where an episode also ended"));
    }
    if (batch.step() == 0 && (any || step.restarted[slot] != 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("slot ", slot, " ended or was restarted at step 0"));
    }
    if (any) ended.push_back(static_cast<uint32_t>(slot));
  }
  const std::vector<uint32_t> named(batch.final_slot().begin(), batch.final_slot().end());
  if (named != ended) {
    return absl::InvalidArgumentError(absl::StrCat("final_slot names ", named.size(),
                                                   " slots, expected the ", ended.size(),
                                                   " whose episode ended, ascending"));
  }
  return absl::OkStatus();
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Bound of `element` of a field, in FieldSpec's form; `none` if there is none.
double BoundAt(const std::vector<double>& bounds, int64_t element, double none) {
  if (bounds.empty()) return none;
  return bounds.size() == 1 ? bounds[0] : bounds[element];
}

std::string DescribeOutOfBounds(const EnvSpec& spec, int64_t column, float value) {
  for (const FieldSpec& field : spec.observation) {
    if (column < field.size()) {
      return absl::StrCat("observation '", field.name, "'[", column, "]=", value,
                          " is outside its declared bounds ",
                          BoundAt(field.low, column, -kInfinity), " .. ",
                          BoundAt(field.high, column, kInfinity));
    }
    column -= field.size();
  }
  return "";  // Unreachable: columns are those of the fields.
}

}  // namespace

StepDecoder::StepDecoder(EnvSpec spec)
    : spec_(std::move(spec)),
      observation_size_(spec_.observation_size()),
      goal_(spec_.goal.value_or(GoalSpec())) {
  for (const FieldSpec& field : spec_.observation) {
    for (int64_t i = 0; i < field.size(); ++i) {
      low_.push_back(static_cast<float>(BoundAt(field.low, i, -kInfinity)));
      high_.push_back(static_cast<float>(BoundAt(field.high, i, kInfinity)));
    }
    // Skipped: every uint8 is within 0 .. 255, and images are large.
    is_bounded_ |= field.dtype != v1::DTYPE_UINT8 && !(field.low.empty() && field.high.empty());
  }
}

void StepDecoder::CountOutOfBounds(const std::vector<float>& rows, DecodedStep* step) const {
  if (!is_bounded_) return;
  int64_t column = 0;
  for (const float value : rows) {
    if (value < low_[column] || value > high_[column]) {
      if (step->out_of_bounds == 0) {
        step->first_out_of_bounds = DescribeOutOfBounds(spec_, column, value);
      }
      ++step->out_of_bounds;
    }
    if (++column == observation_size_) column = 0;
  }
}

absl::Status StepDecoder::FlattenFields(
    const google::protobuf::RepeatedPtrField<v1::Tensor>& fields,
    const std::vector<FieldSpec>& specs, int64_t row_size, std::optional<int64_t> rows,
    const std::string& name, std::vector<float>* out) const {
  if (fields.size() != static_cast<int>(specs.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has ", fields.size(), " fields, expected ", specs.size()));
  }
  const int64_t count = rows.value_or(1);
  out->resize(count * row_size);
  int64_t column = 0;
  for (int i = 0; i < fields.size(); ++i) {
    const FieldSpec& field = specs[i];
    std::vector<int64_t> shape;
    if (rows.has_value()) shape.push_back(*rows);
    shape.insert(shape.end(), field.shape.begin(), field.shape.end());
    const std::string field_name = absl::StrCat(name, " '", field.name, "'");
    if (absl::Status status = CheckTensor(fields[i], field.dtype, shape, field_name);
        !status.ok()) {
      return status;
    }
    CopyField(fields[i], count, field.size(), row_size, out->data() + column);
    column += field.size();
  }
  // A finite float64 may still overflow float32.
  if (const int64_t bad = FindNonFinite(*out); bad >= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, FormatIndex(bad, {count, row_size}), " exceeds float32"));
  }
  return absl::OkStatus();
}

absl::Status StepDecoder::ReadMetrics(const v1::StepBatch& batch, DecodedStep* step) const {
  const auto count = static_cast<int64_t>(spec_.metrics.size());
  if (count == 0 && !batch.has_metric()) return absl::OkStatus();
  if (absl::Status status =
          CheckTensor(batch.metric(), v1::DTYPE_FLOAT32, {step->num_slots(), count}, "metric");
      !status.ok()) {
    return status;
  }
  const absl::Span<const float> values = TensorValues<float>(batch.metric());
  step->metric.assign(values.begin(), values.end());
  return absl::OkStatus();
}

absl::Status StepDecoder::ReadParameters(const v1::StepBatch& batch, DecodedStep* step) const {
  const auto count = static_cast<int64_t>(spec_.parameters.size());
  if (count == 0 && !batch.has_parameter()) return absl::OkStatus();
  if (absl::Status status = CheckTensor(batch.parameter(), v1::DTYPE_FLOAT64,
                                        {step->num_slots(), count}, "parameter");
      !status.ok()) {
    return status;
  }
  const absl::Span<const double> values = TensorValues<double>(batch.parameter());
  for (size_t i = 0; i < values.size(); ++i) {
    const ParameterSpec& parameter = spec_.parameters[i % count];
    if (values[i] >= parameter.low && values[i] <= parameter.high) continue;
    return absl::InvalidArgumentError(absl::StrCat("parameter '", parameter.name, "' of slot ",
                                                   i / count, " is ", values[i], ", expected ",
                                                   parameter.low, " .. ", parameter.high));
  }
  step->parameter.assign(values.begin(), values.end());
  return absl::OkStatus();
}

absl::Status StepDecoder::ReadExecutedAction(const v1::StepBatch& batch, DecodedStep* step) const {
  if (!spec_.reports_executed_action) {
    if (!batch.has_executed_action()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "executed_action is set, but the spec has no reports_executed_action");
  }
  const int64_t size = spec_.action.size();
  if (absl::Status status = CheckTensor(batch.executed_action(), v1::DTYPE_FLOAT32,
                                        {step->num_slots(), size}, "executed_action");
      !status.ok()) {
    return status;
  }
  const absl::Span<const float> values = TensorValues<float>(batch.executed_action());
  for (int64_t slot = 0; batch.step() > 0 && slot < step->num_slots(); ++slot) {
    if (step->restarted[slot] != 0) continue;  // Zeros, which may be out of bounds.
    const absl::Span<const float> action = values.subspan(slot * size, size);
    const int64_t bad = FindOutOfBounds(spec_.action, action);
    if (bad < 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("executed_action[", slot, ",", bad, "] is ", action[bad], ", expected ",
                     spec_.action.low[bad], " .. ", spec_.action.high[bad]));
  }
  step->executed_action.assign(values.begin(), values.end());
  return absl::OkStatus();
}

absl::StatusOr<RestoredSlot> StepDecoder::DecodeRestored(const v1::SlotRestored& message) const {
  RestoredSlot restored;
  restored.slot = message.slot();
  restored.refusal = message.refusal();
  if (!restored.refusal.empty()) return restored;
  absl::Status status = FlattenFields(message.observation(), spec_.observation, observation_size_,
                                      /*rows=*/std::nullopt, "observation", &restored.observation);
  if (!status.ok()) return status;
  return restored;
}

absl::StatusOr<DecodedStep> StepDecoder::Decode(const v1::StepBatch& batch,
                                                int64_t num_slots) const {
  DecodedStep step;
  step.group = batch.group();
  step.step = batch.step();
  if (absl::Status status = FlattenFields(batch.observation(), spec_.observation, observation_size_,
                                          num_slots, "observation", &step.observation);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckTensor(batch.reward(), v1::DTYPE_FLOAT32, {num_slots}, "reward");
      !status.ok()) {
    return status;
  }
  const absl::Span<const float> reward = TensorValues<float>(batch.reward());
  step.reward.assign(reward.begin(), reward.end());
  const struct {
    const v1::Tensor& tensor;
    absl::string_view name;
    std::vector<uint8_t>* out;
  } flags[] = {{batch.terminated(), "terminated", &step.terminated},
               {batch.truncated(), "truncated", &step.truncated},
               {batch.restarted(), "restarted", &step.restarted},
               {batch.is_success(), "is_success", &step.is_success}};
  for (const auto& flag : flags) {
    if (absl::Status status = ReadFlags(flag.tensor, num_slots, flag.name, flag.out);
        !status.ok()) {
      return status;
    }
  }
  if (absl::Status status = CheckEnds(batch, step); !status.ok()) return status;
  if (batch.final_slot_size() > 0) {
    if (absl::Status status =
            FlattenFields(batch.final_observation(), spec_.observation, observation_size_,
                          batch.final_slot_size(), "final_observation", &step.final_observation);
        !status.ok()) {
      return status;
    }
  }
  absl::Status status = FlattenFields(batch.goal_extra(), goal_.extra, goal_.extra_size(),
                                      num_slots, "goal_extra", &step.goal_extra);
  if (status.ok()) status = ReadMetrics(batch, &step);
  if (status.ok()) status = ReadParameters(batch, &step);
  if (status.ok()) status = ReadExecutedAction(batch, &step);
  if (!status.ok()) return status;
  CountOutOfBounds(step.observation, &step);
  CountOutOfBounds(step.final_observation, &step);
  step.fault.assign(batch.fault().begin(), batch.fault().end());
  return step;
}

}  // namespace armature
