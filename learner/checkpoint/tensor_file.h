// Named tensors and text in one safetensors file: policies and checkpoints.
//
// The format is that of common/safetensors/safetensors.h, with a checksum.
//
// Thread safety: free functions on plain values.
#ifndef ARMATURE_LEARNER_CHECKPOINT_TENSOR_FILE_H_
#define ARMATURE_LEARNER_CHECKPOINT_TENSOR_FILE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/named_tensors.h"

namespace armature {

// What tells one file from any other, also from a damaged one.
struct FileDigest {
  uint64_t bytes = 0;
  uint32_t crc32c = 0;
};

// Reports progress: bytes written and bytes in total.
using OnWritten = std::function<void(uint64_t written_bytes, uint64_t total_bytes)>;

struct TensorFile {
  std::map<std::string, std::string> metadata;  // Without checksums.
  NamedTensors tensors;  // float16, float32, float64, int32, int64 or uint8; names unique.

  // Writes atomically: see AtomicFile, also for errors. Copies from the device. Calls `on_written`
  // on the same thread, at the start and then at least every 64 MiB. Returns the file's digest.
  absl::StatusOr<FileDigest> Write(const std::string& path, const OnWritten& on_written = {}) const;

  // Returns tensors on the CPU, in file order. Returns NotFound if there is no such file; DataLoss
  // if it is truncated or malformed, a checksum is wrong, or it is not the file that is expected
  // (the message names the path).
  static absl::StatusOr<TensorFile> Read(const std::string& path,
                                         const FileDigest* expected = nullptr);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_CHECKPOINT_TENSOR_FILE_H_
