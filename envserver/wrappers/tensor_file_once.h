// Safetensors files that environments share: read once in this process, as long as one uses them.
//
// Thread safety: ReadTensorFileOnce, and const methods.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_TENSOR_FILE_ONCE_H_
#define ARMATURE_ENVSERVER_WRAPPERS_TENSOR_FILE_ONCE_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "common/safetensors/safetensors.h"

namespace armature {

struct SharedTensorFile {
  std::string path;
  std::string content;
  Safetensors parsed;  // Into `content`.

  std::string text(const std::string& key) const;  // Metadata; empty if there is none.
  // Throws WrapperError, with both forms, unless there is a tensor of this name, dtype and shape.
  const StoredTensor& Find(const std::string& name, const std::string& dtype,
                           const std::vector<int64_t>& shape) const;
  // Null if there is none.
  const StoredTensor* FindAny(const std::string& name) const;
};

// Element i of a tensor of T; its bytes are not aligned.
template <typename T>
T ElementOf(const StoredTensor& tensor, int64_t i) {
  T value;
  std::memcpy(&value, tensor.bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

// Throws WrapperError if the file cannot be read, is damaged, or is not of this kind (metadata) and
// of format 1.
std::shared_ptr<const SharedTensorFile> ReadTensorFileOnce(const std::string& path,
                                                           const std::string& kind);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_TENSOR_FILE_ONCE_H_
