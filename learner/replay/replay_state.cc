// ReplayStore's checkpoint; the names are in replay_store.h.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "learner/replay/replay_store.h"

namespace armature {
namespace {

// Columns of replay.stream.
enum StreamColumn { kActor, kSlot, kPendingSerial, kDigest, kStreamColumns };

template <typename T>
at::Tensor ToTensor(const std::vector<T>& values) {
  at::Tensor tensor =
      at::empty({static_cast<int64_t>(values.size())}, c10::CppTypeToScalarType<T>::value);
  if (!values.empty()) {
    std::memcpy(tensor.mutable_data_ptr(), values.data(), values.size() * sizeof(T));
  }
  return tensor;
}

// `columns` 0: a one-dimensional tensor.
absl::StatusOr<at::Tensor> Find(const std::map<std::string, at::Tensor>& state,
                                const std::string& name, at::ScalarType type, int64_t columns) {
  const auto found = state.find(name);
  if (found == state.end()) {
    return absl::InvalidArgumentError(absl::StrCat("state has no ", name));
  }
  const at::Tensor& tensor = found->second;
  if (tensor.scalar_type() == type && tensor.dim() == (columns > 0 ? 2 : 1) &&
      (columns == 0 || tensor.size(1) == columns)) {
    return tensor.to(at::kCPU).contiguous();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", c10::toString(tensor.scalar_type()), " [",
                   absl::StrJoin(tensor.sizes(), ","), "], expected ", c10::toString(type),
                   columns > 0 ? absl::StrCat(" [.,", columns, "]") : " [.]"));
}

template <typename T>
absl::Status Read(const std::map<std::string, at::Tensor>& state, const std::string& name,
                  std::vector<T>* values) {
  absl::StatusOr<at::Tensor> tensor = Find(state, name, c10::CppTypeToScalarType<T>::value, 0);
  if (!tensor.ok()) return tensor.status();
  const T* const begin = tensor->template const_data_ptr<T>();
  values->assign(begin, begin + tensor->numel());
  return absl::OkStatus();
}

absl::StatusOr<EpisodeLinks::Saved> ReadLinks(const std::map<std::string, at::Tensor>& state) {
  EpisodeLinks::Saved saved;
  std::vector<int64_t> rows_begun;
  for (const absl::Status& status :
       {Read(state, "replay.rows_begun", &rows_begun), Read(state, "replay.next", &saved.next),
        Read(state, "replay.reward", &saved.reward),
        Read(state, "replay.terminated", &saved.terminated)}) {
    if (!status.ok()) return status;
  }
  if (rows_begun.size() != 1) {
    return absl::InvalidArgumentError("replay.rows_begun is not one int64");
  }
  saved.rows_begun = rows_begun.front();
  absl::StatusOr<at::Tensor> streams = Find(state, "replay.stream", at::kLong, kStreamColumns);
  if (!streams.ok()) return streams.status();
  const int64_t* column = streams->const_data_ptr<int64_t>();
  for (int64_t i = 0; i < streams->size(0); ++i, column += kStreamColumns) {
    EpisodeLinks::Stream stream;
    stream.actor = static_cast<uint64_t>(column[kActor]);
    stream.slot = static_cast<int32_t>(column[kSlot]);
    stream.pending = column[kPendingSerial];
    stream.digest = static_cast<uint64_t>(column[kDigest]);
    saved.streams.push_back(stream);
  }
  return saved;
}

}  // namespace

NamedTensors ReplayStore::Columns() {
  NamedTensors columns = observations_.State(capacity());
  columns.emplace_back("replay.action", actions_);
  if (extra_size() > 0) columns.emplace_back("replay.goal_extra", extras_);
  const EpisodeLinks::Columns links = links_.columns();
  columns.emplace_back("replay.next", at::from_blob(links.next.data(), {capacity()}, at::kInt));
  columns.emplace_back("replay.reward",
                       at::from_blob(links.reward.data(), {capacity()}, at::kFloat));
  columns.emplace_back("replay.terminated",
                       at::from_blob(links.terminated.data(), {capacity()}, at::kByte));
  return columns;
}

std::shared_ptr<RowSnapshot> ReplayStore::SnapshotRows() {
  return segments_.Snapshot(rows(), links_.rows_begun() % capacity());
}

NamedTensors ReplayStore::State() const {
  NamedTensors state = StateBesideRows();
  for (const auto& [name, column] : segments_.columns()) {
    state.emplace_back(name, column.narrow(0, 0, rows()));
  }
  return state;
}

NamedTensors ReplayStore::StateBesideRows() const {
  std::vector<int64_t> columns;
  for (const EpisodeLinks::Stream& stream : links_.PendingStreams()) {
    columns.insert(columns.end(), {static_cast<int64_t>(stream.actor), stream.slot, stream.pending,
                                   static_cast<int64_t>(stream.digest)});
  }
  NamedTensors state;
  state.emplace_back("replay.rows_begun", at::full({1}, links_.rows_begun(), at::kLong));
  state.emplace_back("replay.stream", ToTensor(columns).view({-1, kStreamColumns}));
  state.emplace_back("replay.generator", random_.State());
  for (auto& tensor : sampler_->State()) state.push_back(std::move(tensor));
  AppendAhead(&state);
  return state;
}

void ReplayStore::AppendAhead(NamedTensors* state) const {
  if (next_batch_ == batches_.size()) return;
  std::vector<at::Tensor> serials, relabelled, scalars, observation, next_observation, action;
  for (size_t i = next_batch_; i < batches_.size(); ++i) {
    const ReplaySample& sample = batches_[i].sample;
    const TransitionSample& steps = sample.transitions;
    serials.push_back(ToTensor(batches_[i].serials));
    relabelled.push_back(at::full({}, sample.relabelled, at::kLong));
    scalars.push_back(at::stack({steps.reward, steps.terminated, steps.discount, steps.weight}));
    observation.push_back(steps.observation);
    next_observation.push_back(steps.next_observation);
    action.push_back(steps.action);
  }
  state->emplace_back("replay.ahead.serial", at::stack(serials));
  state->emplace_back("replay.ahead.relabelled", at::stack(relabelled));
  state->emplace_back("replay.ahead.scalars", at::stack(scalars));
  state->emplace_back("replay.ahead.observation", at::stack(observation));
  state->emplace_back("replay.ahead.next_observation", at::stack(next_observation));
  state->emplace_back("replay.ahead.action", at::stack(action));
}

absl::StatusOr<std::vector<ReplayStore::Batch>> ReplayStore::ReadAhead(
    const std::map<std::string, at::Tensor>& state) const {
  std::vector<Batch> batches;
  const auto serials = state.find("replay.ahead.serial");
  if (serials == state.end()) return batches;
  if (serials->second.dim() != 2) {
    return absl::InvalidArgumentError("replay.ahead.serial has not two dimensions");
  }
  const int64_t count = serials->second.size(0);
  const int64_t size = serials->second.size(1);
  const int64_t observation_size = observations_.observation_size();
  struct Part {
    const char* name;
    at::ScalarType type;
    std::vector<int64_t> shape;
    at::Tensor tensor;
  };
  enum { kSerial, kRelabelled, kScalars, kObservation, kNextObservation, kAction };
  Part parts[] = {{"serial", at::kLong, {count, size}, {}},
                  {"relabelled", at::kLong, {count}, {}},
                  {"scalars", at::kFloat, {count, 4, size}, {}},
                  {"observation", at::kFloat, {count, size, observation_size}, {}},
                  {"next_observation", at::kFloat, {count, size, observation_size}, {}},
                  {"action", at::kFloat, {count, size, options_.action_size}, {}}};
  for (Part& part : parts) {
    const std::string name = absl::StrCat("replay.ahead.", part.name);
    const auto found = state.find(name);
    if (found == state.end() || found->second.scalar_type() != part.type ||
        found->second.sizes() != at::IntArrayRef(part.shape)) {
      return absl::InvalidArgumentError(absl::StrCat(name, " is missing or is not ",
                                                     c10::toString(part.type), " [",
                                                     absl::StrJoin(part.shape, ","), "]"));
    }
    part.tensor = found->second;
  }
  const at::Tensor serial = parts[kSerial].tensor.cpu().contiguous();
  for (int64_t i = 0; i < count; ++i) {
    Batch& batch = batches.emplace_back();
    Resize(size, &batch);
    std::copy_n(serial.const_data_ptr<int64_t>() + i * size, size, batch.serials.begin());
    batch.sample.rows.copy_(serial[i].remainder(capacity()));
    batch.sample.relabelled = parts[kRelabelled].tensor[i].item<int64_t>();
    TransitionSample& steps = batch.sample.transitions;
    const at::Tensor scalars = parts[kScalars].tensor[i].to(options_.device).clone();
    steps.reward = scalars[0];
    steps.terminated = scalars[1];
    steps.discount = scalars[2];
    steps.weight = scalars[3];
    steps.observation.copy_(parts[kObservation].tensor[i]);
    steps.next_observation.copy_(parts[kNextObservation].tensor[i]);
    steps.action.copy_(parts[kAction].tensor[i]);
  }
  return batches;
}

absl::Status ReplayStore::LoadState(const std::map<std::string, at::Tensor>& state) {
  absl::StatusOr<EpisodeLinks::Saved> links = ReadLinks(state);
  if (!links.ok()) return links.status();
  const int64_t rows = static_cast<int64_t>(links->next.size());
  absl::StatusOr<at::Tensor> actions =
      Find(state, "replay.action", at::kFloat, options_.action_size);
  if (!actions.ok()) return actions.status();
  absl::StatusOr<at::Tensor> extras = extras_.narrow(0, 0, 0);
  if (extra_size() > 0) extras = Find(state, "replay.goal_extra", at::kFloat, extra_size());
  if (!extras.ok()) return extras.status();
  for (const auto& [name, tensor] :
       {std::pair("replay.action", *actions), {"replay.goal_extra", *extras}}) {
    if (tensor.size(0) == rows || tensor.size(1) == 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has ", tensor.size(0), " rows, expected ", rows));
  }
  absl::StatusOr<at::Tensor> generator = Find(state, "replay.generator", at::kByte, 0);
  if (!generator.ok()) return generator.status();
  for (const absl::Status& status :
       {random_.Check(*generator), observations_.CheckState(state, rows),
        sampler_->Check(state, *links)}) {
    if (!status.ok()) return status;
  }
  absl::StatusOr<std::vector<Batch>> ahead = ReadAhead(state);
  if (!ahead.ok()) return ahead.status();
  segments_.TouchAll();
  // The last step that can fail; if it does, it changes nothing.
  if (absl::Status status = links_.Load(*links); !status.ok()) return status;
  observations_.Load(state);
  actions_.zero_();
  actions_.narrow(0, 0, rows).copy_(*actions);
  extras_.zero_();
  if (extra_size() > 0) extras_.narrow(0, 0, rows).copy_(*extras);
  sampler_->Load(state);
  random_.Load(*generator);
  sampled_ = nullptr;  // The former sample is not in the new content.
  batches_ = *std::move(ahead);
  next_batch_ = 0;
  return absl::OkStatus();
}

}  // namespace armature
