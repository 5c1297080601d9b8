#include "learner/replay/row_snapshot.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ATen/ATen.h"
#include "absl/status/status.h"

namespace armature {
namespace {

// Not at::Tensor::copy_, which would give each thread that writes a checkpoint a pool of threads.
at::Tensor CopyRows(const at::Tensor& column, int64_t first, int64_t count) {
  const at::Tensor rows = column.narrow(0, first, count);
  if (!rows.is_cpu()) return rows.to(at::kCPU);
  at::Tensor copy = at::empty(rows.sizes(), rows.options());
  if (rows.nbytes() > 0) {
    std::memcpy(copy.mutable_data_ptr(), rows.const_data_ptr(), rows.nbytes());
  }
  return copy;
}

}  // namespace

RowSnapshot::RowSnapshot(NamedTensors columns, std::vector<uint64_t> versions, int64_t rows,
                         int64_t rows_per_segment, int64_t next_row)
    : versions_(std::move(versions)),
      rows_(rows),
      rows_per_segment_(rows_per_segment),
      next_row_(next_row),
      columns_(std::move(columns)),
      places_(versions_.size(), Place::kInRing) {}

int64_t RowSnapshot::rows_of(int64_t segment) const {
  return std::min(rows_per_segment_, rows_ - first_row(segment));
}

int64_t RowSnapshot::bytes(int64_t segment) const {
  int64_t bytes = 0;
  for (const auto& [name, column] : columns_) {
    bytes += rows_of(segment) * (static_cast<int64_t>(column.nbytes()) / column.size(0));
  }
  return bytes;
}

std::vector<int64_t> RowSnapshot::order() const {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < segments(); ++i) {
    order.push_back((next_row_ / rows_per_segment_ + i) % segments());
  }
  return order;
}

NamedTensors RowSnapshot::Empty() const {
  NamedTensors empty;
  for (const auto& [name, column] : columns_) {
    std::vector<int64_t> shape = column.sizes().vec();
    shape.front() = 0;
    empty.emplace_back(name, at::empty(shape, column.scalar_type()));
  }
  return empty;
}

NamedTensors RowSnapshot::Copy(int64_t segment) const {
  NamedTensors copy;
  for (const auto& [name, column] : columns_) {
    copy.emplace_back(name, CopyRows(column, first_row(segment), rows_of(segment)));
  }
  return copy;
}

absl::StatusOr<NamedTensors> RowSnapshot::Take(int64_t segment) {
  absl::MutexLock lock(&mutex_);
  const auto copy = copies_.find(segment);
  const bool is_here = copy != copies_.end();
  if (!is_here && cancelled_) return absl::CancelledError("the replay is gone");
  NamedTensors rows = is_here ? std::move(copy->second) : Copy(segment);
  if (is_here) copies_.erase(copy);
  places_[segment] = Place::kTaken;
  return rows;
}

void RowSnapshot::Preserve(int64_t segment) {
  absl::MutexLock lock(&mutex_);
  // The ring may have begun segments since.
  if (segment >= segments() || places_[segment] != Place::kInRing || cancelled_) return;
  copies_[segment] = Copy(segment);
  places_[segment] = Place::kHere;
}

void RowSnapshot::Cancel() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
}

}  // namespace armature
