#include "learner/replay/row_segments.h"

#include <atomic>
#include <utility>

#include "ATen/ATen.h"

namespace armature {
namespace {

// Never the same twice, so that segments of two rings never have one version.
uint64_t NewVersion() {
  static std::atomic<uint64_t> newest{0};
  return ++newest;
}

}  // namespace

RowSegments::RowSegments(NamedTensors columns, int64_t segment_bytes_max)
    : columns_(std::move(columns)), version_(NewVersion()) {
  const int64_t rows = columns_.front().second.size(0);
  int64_t row_bytes = 0;
  for (const auto& [name, column] : columns_) {
    row_bytes += static_cast<int64_t>(column.nbytes()) / rows;
  }
  while (row_bytes << (shift_ + 1) <= segment_bytes_max && int64_t{1} << shift_ < rows) ++shift_;
  versions_.resize(((rows - 1) >> shift_) + 1);
}

RowSegments::~RowSegments() {
  if (const auto snapshot = snapshot_.lock()) snapshot->Cancel();
}

void RowSegments::TouchAll() {
  for (size_t segment = 0; segment < versions_.size(); ++segment) {
    Change(static_cast<int64_t>(segment));
  }
}

void RowSegments::Change(int64_t segment) {
  versions_[segment] = version_;
  if (const auto snapshot = snapshot_.lock()) snapshot->Preserve(segment);
}

std::shared_ptr<RowSnapshot> RowSegments::Snapshot(int64_t rows, int64_t next_row) {
  if (const auto before = snapshot_.lock()) before->Cancel();
  const int64_t segments = rows == 0 ? 0 : ((rows - 1) >> shift_) + 1;
  auto snapshot = std::make_shared<RowSnapshot>(
      columns_, std::vector<uint64_t>(versions_.begin(), versions_.begin() + segments), rows,
      int64_t{1} << shift_, next_row);
  version_ = NewVersion();
  snapshot_ = snapshot;
  return snapshot;
}

}  // namespace armature
