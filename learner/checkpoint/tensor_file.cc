#include "learner/checkpoint/tensor_file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "common/checksum/crc32c.h"
#include "common/files/atomic_file.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using Json = nlohmann::json;

constexpr char kMetadata[] = "__metadata__";
constexpr char kChecksum[] = "crc32c";
constexpr uint64_t kHeaderBytesMax = 64 << 20;
constexpr size_t kPartBytes = 64 << 20;

struct DTypeName {
  at::ScalarType dtype;
  absl::string_view name;
};
constexpr DTypeName kDTypes[] = {{at::kHalf, "F16"}, {at::kFloat, "F32"}, {at::kDouble, "F64"},
                                 {at::kInt, "I32"},  {at::kLong, "I64"},  {at::kByte, "U8"}};

absl::string_view BytesOf(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

absl::StatusOr<at::Tensor> ReadTensor(const Json& entry, absl::string_view values,
                                      uint64_t* position) {
  const auto dtype = std::find_if(std::begin(kDTypes), std::end(kDTypes), [&](const DTypeName& d) {
    return entry.value("dtype", "") == d.name;
  });
  if (dtype == std::end(kDTypes)) return absl::DataLossError("unknown dtype");
  const std::vector<int64_t> shape = entry.at("shape").get<std::vector<int64_t>>();
  const std::vector<uint64_t> offsets = entry.at("data_offsets").get<std::vector<uint64_t>>();
  uint64_t bytes = c10::elementSize(dtype->dtype);
  for (const int64_t extent : shape) {
    if (extent < 0 || (extent > 0 && bytes > values.size() / extent)) {
      return absl::DataLossError("shape exceeds the file");
    }
    bytes *= extent;
  }
  if (offsets.size() != 2 || offsets[0] != *position || offsets[1] != *position + bytes ||
      offsets[1] > values.size()) {
    return absl::DataLossError("data_offsets do not fit shape and file");
  }
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype->dtype));
  if (bytes > 0) std::memcpy(tensor.mutable_data_ptr(), values.data() + offsets[0], bytes);
  *position = offsets[1];
  return tensor;
}

absl::Status WritePieces(const std::string& path, const std::vector<absl::string_view>& pieces,
                         uint64_t total_bytes, const OnWritten& on_written) {
  absl::StatusOr<AtomicFile> file = AtomicFile::Open(path);
  if (!file.ok()) return file.status();
  uint64_t written_bytes = 0;
  if (on_written) on_written(0, total_bytes);
  for (absl::string_view piece : pieces) {
    while (!piece.empty()) {
      const absl::string_view part = piece.substr(0, kPartBytes);
      if (absl::Status status = file->Append(part); !status.ok()) return status;
      piece.remove_prefix(part.size());
      written_bytes += part.size();
      if (on_written) on_written(written_bytes, total_bytes);
    }
  }
  return file->Commit();
}

absl::StatusOr<TensorFile> Parse(absl::string_view content) {
  uint64_t header_bytes = 0;
  if (content.size() < sizeof(header_bytes)) return absl::DataLossError("cut short");
  std::memcpy(&header_bytes, content.data(), sizeof(header_bytes));
  content.remove_prefix(sizeof(header_bytes));
  if (header_bytes > std::min<uint64_t>(content.size(), kHeaderBytesMax)) {
    return absl::DataLossError("cut short");
  }
  const absl::string_view values = content.substr(header_bytes);
  const Json header = Json::parse(content.begin(), content.begin() + header_bytes);
  TensorFile file;
  file.metadata = header.at(kMetadata).get<std::map<std::string, std::string>>();
  const auto checksum = file.metadata.find(kChecksum);
  if (checksum == file.metadata.end() ||
      checksum->second != absl::StrFormat("%08x", Crc32c(values))) {
    return absl::DataLossError("checksum differs");
  }
  file.metadata.erase(checksum);

  // By begin, then end: an empty tensor begins where the next one does.
  std::vector<std::pair<std::vector<uint64_t>, std::string>> order;
  for (const auto& [name, entry] : header.items()) {
    if (name != kMetadata) {
      order.emplace_back(entry.at("data_offsets").get<std::vector<uint64_t>>(), name);
    }
  }
  std::sort(order.begin(), order.end());
  uint64_t position = 0;
  for (const auto& [offsets, name] : order) {
    absl::StatusOr<at::Tensor> tensor = ReadTensor(header[name], values, &position);
    if (!tensor.ok()) {
      return absl::DataLossError(absl::StrCat("tensor ", name, ": ", tensor.status().message()));
    }
    file.tensors.emplace_back(name, *std::move(tensor));
  }
  if (position != values.size()) return absl::DataLossError("bytes beyond the last tensor");
  return file;
}

}  // namespace

absl::Status TensorFile::Write(const std::string& path, const OnWritten& on_written) const {
  Json header = Json::object();
  std::vector<at::Tensor> values;
  uint64_t position = 0;
  uint32_t checksum = 0;
  for (const auto& [name, tensor] : tensors) {
    values.push_back(tensor.detach().cpu().contiguous());
    const at::Tensor& value = values.back();
    const auto dtype =
        std::find_if(std::begin(kDTypes), std::end(kDTypes),
                     [&](const DTypeName& d) { return value.scalar_type() == d.dtype; });
    if (dtype == std::end(kDTypes) || header.contains(name) || name == kMetadata) {
      return absl::InternalError(absl::StrCat("tensor ", name, " cannot be stored in ", path));
    }
    header[name] = {{"dtype", std::string(dtype->name)},
                    {"shape", value.sizes().vec()},
                    {"data_offsets", {position, position + value.nbytes()}}};
    position += value.nbytes();
    checksum = Crc32c(BytesOf(value), checksum);
  }
  header[kMetadata] = metadata;
  header[kMetadata][kChecksum] = absl::StrFormat("%08x", checksum);
  const std::string text = header.dump();
  const uint64_t header_bytes = text.size();

  std::vector<absl::string_view> pieces = {
      {reinterpret_cast<const char*>(&header_bytes), sizeof(header_bytes)}, text};
  for (const at::Tensor& value : values) pieces.push_back(BytesOf(value));
  return WritePieces(path, pieces, sizeof(header_bytes) + header_bytes + position, on_written);
}

absl::StatusOr<TensorFile> TensorFile::Read(const std::string& path) {
  const absl::StatusOr<std::string> content = ReadWholeFile(path);
  if (!content.ok()) return content.status();
  absl::Status status;
  try {
    absl::StatusOr<TensorFile> file = Parse(*content);
    if (file.ok()) return file;
    status = file.status();
  } catch (const Json::exception& error) {
    status = absl::DataLossError("malformed header");
  }
  return absl::DataLossError(absl::StrCat(path, " is damaged: ", status.message()));
}

}  // namespace armature
