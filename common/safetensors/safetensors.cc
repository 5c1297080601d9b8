#include "common/safetensors/safetensors.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/checksum/crc32c.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using Json = nlohmann::json;

constexpr char kMetadata[] = "__metadata__";
constexpr char kChecksum[] = "crc32c";
constexpr char kHeaderChecksum[] = "crc32c_header";
constexpr absl::string_view kNoDigits = "00000000";
constexpr uint64_t kHeaderBytesMax = 64 << 20;

struct DTypeSize {
  absl::string_view name;
  uint64_t bytes;
};
constexpr DTypeSize kDTypes[] = {{"F16", 2}, {"F32", 4}, {"F64", 8},
                                 {"I32", 4}, {"I64", 8}, {"U8", 1}};

std::string Digits(uint32_t checksum) { return absl::StrFormat("%08x", checksum); }

// Where the digits of the header's own checksum are, as we write it; the header's size if they are
// not there. No text or name can hold the same: in JSON its quotation marks would be escaped.
size_t FindHeaderDigits(absl::string_view header) {
  const std::string before = absl::StrCat("\"", kHeaderChecksum, "\":\"");
  const size_t found = header.find(before);
  if (found == header.npos) return header.size();
  const size_t digits = found + before.size();
  return digits + kNoDigits.size() <= header.size() ? digits : header.size();
}

uint32_t HeaderChecksum(absl::string_view header) {
  const size_t digits = FindHeaderDigits(header);
  const uint32_t before = Crc32c(header.substr(0, digits));
  if (digits == header.size()) return before;
  return Crc32c(header.substr(digits + kNoDigits.size()), Crc32c(kNoDigits, before));
}

// Bytes of a tensor of at most `bytes_max`.
absl::StatusOr<uint64_t> BytesOf(absl::string_view dtype, const std::vector<int64_t>& shape,
                                 uint64_t bytes_max) {
  const auto size = std::find_if(std::begin(kDTypes), std::end(kDTypes),
                                 [&](const DTypeSize& each) { return each.name == dtype; });
  if (size == std::end(kDTypes)) return absl::DataLossError("unknown dtype");
  uint64_t bytes = size->bytes;
  for (const int64_t extent : shape) {
    if (extent < 0 || (extent > 0 && bytes > bytes_max / extent)) {
      return absl::DataLossError("shape exceeds the file");
    }
    bytes *= extent;
  }
  return bytes;
}

absl::StatusOr<StoredTensor> ReadTensor(std::string name, const Json& entry,
                                        absl::string_view values, uint64_t* position) {
  StoredTensor tensor = {
      std::move(name), entry.value("dtype", ""), entry.at("shape").get<std::vector<int64_t>>(), {}};
  const std::vector<uint64_t> offsets = entry.at("data_offsets").get<std::vector<uint64_t>>();
  const absl::StatusOr<uint64_t> bytes = BytesOf(tensor.dtype, tensor.shape, values.size());
  if (!bytes.ok()) return bytes.status();
  if (offsets.size() != 2 || offsets[0] != *position || offsets[1] != *position + *bytes ||
      offsets[1] > values.size()) {
    return absl::DataLossError("data_offsets do not fit shape and file");
  }
  tensor.bytes = values.substr(offsets[0], *bytes);
  *position = offsets[1];
  return tensor;
}

absl::StatusOr<Safetensors> Parse(absl::string_view content) {
  uint64_t header_bytes = 0;
  if (content.size() < sizeof(header_bytes)) return absl::DataLossError("cut short");
  std::memcpy(&header_bytes, content.data(), sizeof(header_bytes));
  content.remove_prefix(sizeof(header_bytes));
  if (header_bytes > std::min<uint64_t>(content.size(), kHeaderBytesMax)) {
    return absl::DataLossError("cut short");
  }
  const absl::string_view values = content.substr(header_bytes);
  const Json header = Json::parse(content.begin(), content.begin() + header_bytes);
  Safetensors file;
  if (header.contains(kMetadata)) {
    file.metadata = header[kMetadata].get<std::map<std::string, std::string>>();
  }
  if (const auto own = file.metadata.find(kHeaderChecksum); own != file.metadata.end()) {
    if (own->second != Digits(HeaderChecksum(content.substr(0, header_bytes)))) {
      return absl::DataLossError("checksum of the header differs");
    }
    file.metadata.erase(own);
  }
  if (const auto checksum = file.metadata.find(kChecksum); checksum != file.metadata.end()) {
    if (checksum->second != Digits(Crc32c(values))) {
      return absl::DataLossError("checksum differs");
    }
    file.has_checksum = true;
    file.metadata.erase(checksum);
  }

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
    absl::StatusOr<StoredTensor> tensor = ReadTensor(name, header[name], values, &position);
    if (!tensor.ok()) {
      return absl::DataLossError(absl::StrCat("tensor ", name, ": ", tensor.status().message()));
    }
    file.tensors.push_back(*std::move(tensor));
  }
  if (position != values.size()) return absl::DataLossError("bytes beyond the last tensor");
  return file;
}

}  // namespace

absl::StatusOr<Safetensors> ParseSafetensors(absl::string_view content) {
  try {
    return Parse(content);
  } catch (const Json::exception& error) {
    return absl::DataLossError("malformed header");
  }
}

absl::StatusOr<std::string> SafetensorsHead(const std::map<std::string, std::string>& metadata,
                                            const std::vector<StoredTensor>& tensors) {
  Json header = Json::object();
  uint64_t position = 0;
  uint32_t checksum = 0;
  for (const StoredTensor& tensor : tensors) {
    const absl::StatusOr<uint64_t> bytes = BytesOf(tensor.dtype, tensor.shape, tensor.bytes.size());
    if (!bytes.ok() || *bytes != tensor.bytes.size() || header.contains(tensor.name) ||
        tensor.name == kMetadata) {
      return absl::InternalError(absl::StrCat("tensor ", tensor.name, " cannot be stored"));
    }
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {position, position + *bytes}}};
    position += *bytes;
    checksum = Crc32c(tensor.bytes, checksum);
  }
  header[kMetadata] = metadata;
  header[kMetadata][kChecksum] = Digits(checksum);
  header[kMetadata][kHeaderChecksum] = std::string(kNoDigits);
  std::string text = header.dump();
  text.replace(FindHeaderDigits(text), kNoDigits.size(), Digits(HeaderChecksum(text)));
  const uint64_t header_bytes = text.size();
  return absl::StrCat(
      absl::string_view(reinterpret_cast<const char*>(&header_bytes), sizeof(header_bytes)), text);
}

}  // namespace armature
