// A ring of rows with small segments, whose content says at which step it was written.
//
// Thread safety: none.
#ifndef ARMATURE_LEARNER_CHECKPOINT_TESTING_COUNTED_RING_H_
#define ARMATURE_LEARNER_CHECKPOINT_TESTING_COUNTED_RING_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "ATen/ATen.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/replay/row_segments.h"

namespace armature {

class CountedRing {
 public:
  static constexpr int64_t kCapacity = 40;
  static constexpr int64_t kRowsPerSegment = 8;

  explicit CountedRing(int64_t size = 2)
      : values_(at::zeros({kCapacity, size}, at::kFloat)),
        numbers_(at::zeros({kCapacity}, at::kLong)),
        segments_({{"replay.value", values_}, {"replay.number", numbers_}},
                  kRowsPerSegment * (size * 4 + 8)) {}

  void Add(int64_t rows) {
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = begun_++ % kCapacity;
      segments_.Touch(row);
      values_[row].fill_(static_cast<double>(begun_));
      numbers_[row].fill_(begun_);
    }
  }
  std::shared_ptr<RowSnapshot> Snapshot() { return segments_.Snapshot(rows(), begun_ % kCapacity); }
  // What belongs to a checkpoint beside the rows.
  TensorFile Content() const {
    return {{{"begun", std::to_string(begun_)}}, {{"weight", at::full({50}, begun_, at::kFloat)}}};
  }
  // The checkpoint once it is loaded.
  TensorFile Whole() const {
    TensorFile file = Content();
    file.tensors.emplace_back("replay.value", values_.narrow(0, 0, rows()).clone());
    file.tensors.emplace_back("replay.number", numbers_.narrow(0, 0, rows()).clone());
    return file;
  }

 private:
  int64_t rows() const { return std::min(begun_, kCapacity); }

  int64_t begun_ = 0;
  at::Tensor values_;   // float32 [kCapacity, size]
  at::Tensor numbers_;  // int64 [kCapacity]
  RowSegments segments_;
};

// Whether a file has the metadata that is expected and, by name, exactly the tensors.
inline bool AreEqual(const TensorFile& found, const TensorFile& expected) {
  const std::map<std::string, at::Tensor> tensors(found.tensors.begin(), found.tensors.end());
  if (found.tensors.size() != expected.tensors.size()) return false;
  for (const auto& [key, value] : expected.metadata) {
    if (found.metadata.count(key) == 0 || found.metadata.at(key) != value) return false;
  }
  return std::all_of(expected.tensors.begin(), expected.tensors.end(), [&](const auto& named) {
    const auto other = tensors.find(named.first);
    return other != tensors.end() && at::equal(named.second, other->second);
  });
}

}  // namespace armature

#endif  // ARMATURE_LEARNER_CHECKPOINT_TESTING_COUNTED_RING_H_
