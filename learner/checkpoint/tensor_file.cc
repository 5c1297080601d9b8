#include "learner/checkpoint/tensor_file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/checksum/crc32c.h"
#include "common/files/atomic_file.h"
#include "common/safetensors/safetensors.h"

namespace armature {
namespace {

constexpr size_t kPartBytes = 64 << 20;

struct DTypeName {
  at::ScalarType dtype;
  absl::string_view name;
};
constexpr DTypeName kDTypes[] = {{at::kHalf, "F16"}, {at::kFloat, "F32"}, {at::kDouble, "F64"},
                                 {at::kInt, "I32"},  {at::kLong, "I64"},  {at::kByte, "U8"}};

// Empty if no file can hold it.
std::string NameOf(at::ScalarType dtype) {
  for (const DTypeName& each : kDTypes) {
    if (each.dtype == dtype) return std::string(each.name);
  }
  return "";
}

at::Tensor TensorOf(const StoredTensor& stored) {
  const auto dtype = std::find_if(std::begin(kDTypes), std::end(kDTypes),
                                  [&](const DTypeName& each) { return each.name == stored.dtype; });
  at::Tensor tensor = at::empty(stored.shape, at::TensorOptions().dtype(dtype->dtype));
  if (!stored.bytes.empty()) {
    std::memcpy(tensor.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
  }
  return tensor;
}

absl::StatusOr<FileDigest> WritePieces(const std::string& path,
                                       const std::vector<absl::string_view>& pieces,
                                       uint64_t total_bytes, const OnWritten& on_written) {
  absl::StatusOr<AtomicFile> file = AtomicFile::Open(path);
  if (!file.ok()) return file.status();
  FileDigest written;
  if (on_written) on_written(0, total_bytes);
  for (absl::string_view piece : pieces) {
    while (!piece.empty()) {
      const absl::string_view part = piece.substr(0, kPartBytes);
      if (absl::Status status = file->Append(part); !status.ok()) return status;
      piece.remove_prefix(part.size());
      written.bytes += part.size();
      written.crc32c = Crc32c(part, written.crc32c);
      if (on_written) on_written(written.bytes, total_bytes);
    }
  }
  if (absl::Status status = file->Commit(); !status.ok()) return status;
  return written;
}

}  // namespace

absl::StatusOr<FileDigest> TensorFile::Write(const std::string& path,
                                             const OnWritten& on_written) const {
  std::vector<at::Tensor> values;  // What `stored` points into.
  std::vector<StoredTensor> stored;
  for (const auto& [name, tensor] : tensors) {
    values.push_back(tensor.detach().cpu().contiguous());
    const at::Tensor& value = values.back();
    stored.push_back({name,
                      NameOf(value.scalar_type()),
                      value.sizes().vec(),
                      {static_cast<const char*>(value.const_data_ptr()), value.nbytes()}});
  }
  const absl::StatusOr<std::string> head = SafetensorsHead(metadata, stored);
  if (!head.ok()) {
    return absl::InternalError(absl::StrCat(path, ": ", head.status().message()));
  }
  std::vector<absl::string_view> pieces = {*head};
  uint64_t total_bytes = head->size();
  for (const StoredTensor& tensor : stored) {
    pieces.push_back(tensor.bytes);
    total_bytes += tensor.bytes.size();
  }
  return WritePieces(path, pieces, total_bytes, on_written);
}

absl::StatusOr<TensorFile> TensorFile::Read(const std::string& path, const FileDigest* expected) {
  const absl::StatusOr<std::string> content = ReadWholeFile(path);
  if (!content.ok()) return content.status();
  if (expected != nullptr && content->size() != expected->bytes) {
    return absl::DataLossError(absl::StrCat(path, " is damaged: it has ", content->size(),
                                            " bytes, not ", expected->bytes));
  }
  if (expected != nullptr && Crc32c(*content) != expected->crc32c) {
    return absl::DataLossError(absl::StrCat(path, " is damaged: checksum differs"));
  }
  absl::StatusOr<Safetensors> parsed = ParseSafetensors(*content);
  if (parsed.ok() && !parsed->has_checksum) parsed = absl::DataLossError("no checksum");
  if (!parsed.ok()) {
    return absl::DataLossError(absl::StrCat(path, " is damaged: ", parsed.status().message()));
  }
  TensorFile file;
  file.metadata = std::move(parsed->metadata);
  for (StoredTensor& tensor : parsed->tensors) {
    at::Tensor values = TensorOf(tensor);
    file.tensors.emplace_back(std::move(tensor.name), std::move(values));
  }
  return file;
}

}  // namespace armature
