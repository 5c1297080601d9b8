#include "envserver/slots/slot_batch.h"

#include <algorithm>
#include <utility>

#include "common/tensor/packed.h"

namespace armature {

uint8_t* ResizeField(const FieldSpec& field, int64_t rows, v1::Tensor* tensor) {
  tensor->set_dtype(field.dtype);
  tensor->clear_shape();
  if (rows >= 0) tensor->add_shape(static_cast<uint32_t>(rows));
  for (int64_t extent : field.shape) tensor->add_shape(static_cast<uint32_t>(extent));
  tensor->mutable_packed()->assign((rows >= 0 ? rows : 1) * field.bytes(), '\0');
  return reinterpret_cast<uint8_t*>(&(*tensor->mutable_packed())[0]);
}

SlotBatch::SlotBatch(const EnvSpec& spec, int64_t size)
    : metrics(spec.metrics.size()),
      parameters(spec.parameters.size()),
      executed_size(spec.reports_executed_action ? spec.action.size() : 0) {
  v1::StepBatch* batch = response.mutable_step();
  std::vector<uint8_t*> starts;
  for (const FieldSpec& field : spec.observation) {
    starts.push_back(ResizeField(field, size, batch->add_observation()));
  }
  for (int64_t row = 0; row < size; ++row) {
    std::vector<absl::Span<uint8_t>> fields;
    for (size_t i = 0; i < starts.size(); ++i) {
      const int64_t bytes = spec.observation[i].bytes();
      fields.emplace_back(starts[i] + row * bytes, bytes);
    }
    observation.emplace_back(std::move(fields));
  }
  reward = ResizeTensor<float>({size}, batch->mutable_reward());
  terminated = ResizeTensor<uint8_t>({size}, batch->mutable_terminated());
  truncated = ResizeTensor<uint8_t>({size}, batch->mutable_truncated());
  restarted = ResizeTensor<uint8_t>({size}, batch->mutable_restarted());
  is_success = ResizeTensor<uint8_t>({size}, batch->mutable_is_success());
  if (metrics > 0) {
    metric = ResizeTensor<float>({size, static_cast<int64_t>(metrics)}, batch->mutable_metric());
  }
  if (parameters > 0) {
    parameter =
        ResizeTensor<double>({size, static_cast<int64_t>(parameters)}, batch->mutable_parameter());
  }
  if (executed_size > 0) {
    executed_action = ResizeTensor<float>({size, static_cast<int64_t>(executed_size)},
                                          batch->mutable_executed_action());
  }
  if (!spec.goal.has_value()) return;
  for (const FieldSpec& field : spec.goal->extra) {
    uint8_t* start = ResizeField(field, size, batch->add_goal_extra());
    extras.push_back({reinterpret_cast<float*>(start), field.size()});
  }
}

void SlotBatch::ClearRow(int64_t row) {
  reward[row] = 0;
  terminated[row] = truncated[row] = restarted[row] = is_success[row] = 0;
  std::fill_n(metric_row(row).begin(), metrics, 0.0f);
  std::fill_n(executed_row(row).begin(), executed_size, 0.0f);
  for (const Extra& extra : extras) std::fill_n(extra.start + row * extra.size, extra.size, 0.0f);
}

void SlotBatch::CopyRow(SlotBatch& from, int64_t row) {
  for (size_t i = 0; i < observation[row].fields().size(); ++i) {
    const absl::Span<uint8_t> bytes = from.observation[row].fields()[i];
    std::copy(bytes.begin(), bytes.end(), observation[row].fields()[i].begin());
  }
  reward[row] = from.reward[row];
  terminated[row] = from.terminated[row];
  truncated[row] = from.truncated[row];
  restarted[row] = from.restarted[row];
  is_success[row] = from.is_success[row];
  std::copy_n(from.metric_row(row).begin(), metrics, metric_row(row).begin());
  std::copy_n(from.parameter_row(row).begin(), parameters, parameter_row(row).begin());
  std::copy_n(from.executed_row(row).begin(), executed_size, executed_row(row).begin());
  for (size_t i = 0; i < extras.size(); ++i) {
    const int64_t size = extras[i].size;
    std::copy_n(from.extras[i].start + row * size, size, extras[i].start + row * size);
  }
}

void SlotBatch::SetExtra(int64_t row, absl::Span<const float> extra) {
  const float* from = extra.data();
  for (const Extra& to : extras) {
    std::copy_n(from, to.size, to.start + row * to.size);
    from += to.size;
  }
}

}  // namespace armature
