// The safetensors format: named tensors and text in one file. Nothing in a file is executed.
//
// Layout (https://github.com/huggingface/safetensors): header length, 8 bytes little-endian;
// header, JSON {name: {dtype, shape, data_offsets}, ..., "__metadata__": {name: text}}; then the
// tensors, little-endian, back to back. Our own files have two metadata entries of 8 hex digits:
// "crc32c" is the checksum of everything after the header, "crc32c_header" that of the header with
// its own digits as zeros. Files of earlier versions and of other programs may lack them.
//
// Thread safety: free functions on plain values.
#ifndef ARMATURE_COMMON_SAFETENSORS_SAFETENSORS_H_
#define ARMATURE_COMMON_SAFETENSORS_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// One tensor of a file, without a copy of its values.
struct StoredTensor {
  std::string name;
  std::string dtype;  // "F16", "F32", "F64", "I32", "I64" or "U8".
  std::vector<int64_t> shape;
  absl::string_view bytes;  // Row-major. Not aligned.
};

struct Safetensors {
  std::map<std::string, std::string> metadata;  // Without checksums.
  std::vector<StoredTensor> tensors;            // In the order of their values; names unique.
  bool has_checksum = false;                    // Has "crc32c". Those it has are right.
};

// Reads a whole file; the tensors point into `content`. Returns DataLoss if it is truncated or
// malformed or its checksum is wrong.
absl::StatusOr<Safetensors> ParseSafetensors(absl::string_view content);

// Returns what a file begins with, header length and header; its tensors' bytes follow, in this
// order. Has both checksums. Returns Internal if a tensor's dtype is unknown, its name is taken or
// its bytes do not fit its shape.
absl::StatusOr<std::string> SafetensorsHead(const std::map<std::string, std::string>& metadata,
                                            const std::vector<StoredTensor>& tensors);

}  // namespace armature

#endif  // ARMATURE_COMMON_SAFETENSORS_SAFETENSORS_H_
