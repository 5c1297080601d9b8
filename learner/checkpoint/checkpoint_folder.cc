#include "learner/checkpoint/checkpoint_folder.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "learner/run/checkpoint_names.h"
#include "nlohmann/json.hpp"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

using Json = nlohmann::json;

constexpr char kSegments[] = "segments";
constexpr char kSegmentPrefix[] = "replay_";
constexpr char kSegmentEnding[] = ".safetensors";

std::string SegmentName(int64_t number, int64_t segment) {
  return absl::StrFormat("%s%06d_%05d%s", kSegmentPrefix, number, segment, kSegmentEnding);
}

bool IsSegment(const std::string& name) {
  return absl::StartsWith(name, kSegmentPrefix) && absl::EndsWith(name, kSegmentEnding);
}

// If this fails, a file too many stays until the next Save.
void Remove(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

uint64_t BytesOf(const NamedTensors& tensors) {
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.nbytes();
  return bytes;
}

// The columns of a checkpoint's rows, with room for all of them, of at most `bytes_max`. Returns
// DataLoss if one is missing or they do not fit.
absl::StatusOr<std::map<std::string, at::Tensor>> MakeRoom(const std::vector<std::string>& columns,
                                                           int64_t rows, uint64_t bytes_max,
                                                           NamedTensors* tensors) {
  std::map<std::string, at::Tensor> room;
  for (auto& [name, tensor] : *tensors) {
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) continue;
    if (tensor.dim() < 1) break;
    std::vector<int64_t> shape = tensor.sizes().vec();
    uint64_t row_bytes = tensor.element_size();
    for (size_t i = 1; i < shape.size(); ++i) row_bytes *= shape[i];
    if (row_bytes > 0 && static_cast<uint64_t>(rows) > bytes_max / row_bytes) break;
    shape.front() = rows;
    room[name] = tensor = at::empty(shape, tensor.options());
  }
  if (room.size() == columns.size()) return room;
  return absl::DataLossError("its columns and its segments do not fit");
}

}  // namespace

struct CheckpointFolder::Writing {
  const int64_t number;
  const OnWritten& on_written;
  uint64_t written_bytes = 0;
  uint64_t total_bytes = 0;
  Rows rows;
  std::vector<std::string> paths;  // Of the new segments.

  absl::StatusOr<FileDigest> Write(const TensorFile& file, const std::string& path) {
    const auto on_part = [this](uint64_t bytes, uint64_t file_bytes) {
      // The total is known only without headers.
      total_bytes = std::max(total_bytes, written_bytes + file_bytes);
      if (on_written) on_written(written_bytes + bytes, total_bytes);
    };
    absl::StatusOr<FileDigest> digest = file.Write(path, on_part);
    if (digest.ok()) written_bytes += digest->bytes;
    return digest;
  }
};

CheckpointFolder::CheckpointFolder(std::string path, int64_t keep)
    : path_(std::move(path)), keep_(keep) {}

std::string CheckpointFolder::ToText(const Rows& rows) {
  Json segments = Json::array();
  for (const Segment& segment : rows.segments) {
    segments.push_back({segment.name, segment.digest.bytes, segment.digest.crc32c});
  }
  const Json json = {{"rows", rows.rows},
                     {"rows_per_segment", rows.rows_per_segment},
                     {"columns", rows.columns},
                     {"files", segments}};
  return json.dump();
}

absl::StatusOr<CheckpointFolder::Rows> CheckpointFolder::FromText(const std::string& text) {
  Rows rows;
  try {
    const Json json = Json::parse(text);
    rows.rows = json.at("rows").get<int64_t>();
    rows.rows_per_segment = json.at("rows_per_segment").get<int64_t>();
    rows.columns = json.at("columns").get<std::vector<std::string>>();
    for (const Json& file : json.at("files")) {
      Segment& segment = rows.segments.emplace_back();
      segment.name = file.at(0).get<std::string>();
      segment.digest = {file.at(1).get<uint64_t>(), file.at(2).get<uint32_t>()};
    }
  } catch (const Json::exception&) {
    return absl::DataLossError("its entry 'segments' is malformed");
  }
  const int64_t segments = static_cast<int64_t>(rows.segments.size());
  if (rows.rows < 0 || rows.rows_per_segment < 1 ||
      segments != (rows.rows == 0 ? 0 : (rows.rows - 1) / rows.rows_per_segment + 1)) {
    return absl::DataLossError("its rows and its segments do not fit");
  }
  return rows;
}

absl::StatusOr<uint64_t> CheckpointFolder::Save(TensorFile content, RowSnapshot* rows,
                                                const OnWritten& on_written) {
  const std::vector<int64_t> numbers = CheckpointNumbers(path_);
  Writing writing = {numbers.empty() ? 1 : numbers.back() + 1, on_written};
  if (absl::Status status = Write(std::move(content), rows, &writing); !status.ok()) {
    // First what names the rest: only its folder may not have been synced.
    Remove(CheckpointPath(path_, writing.number));
    for (const std::string& path : writing.paths) Remove(path);
    return status;
  }
  newest_ = std::move(writing.rows);
  std::set<std::string> names;
  for (const Segment& segment : newest_.segments) names.insert(segment.name);
  named_[writing.number] = std::move(names);
  const int64_t surplus = static_cast<int64_t>(numbers.size()) + 1 - keep_;
  for (int64_t i = 0; i < surplus; ++i) Remove(CheckpointPath(path_, numbers[i]));
  RemoveUnnamed();
  return writing.written_bytes;
}

absl::Status CheckpointFolder::Write(TensorFile content, RowSnapshot* rows,
                                     Writing* writing) const {
  writing->total_bytes = BytesOf(content.tensors);
  if (rows != nullptr) {
    if (absl::Status status = WriteSegments(rows, writing); !status.ok()) return status;
    for (auto& column : rows->Empty()) content.tensors.push_back(std::move(column));
    content.metadata[kSegments] = ToText(writing->rows);
  }
  return writing->Write(content, CheckpointPath(path_, writing->number)).status();
}

bool CheckpointFolder::IsThere(const Segment& segment) const {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(absl::StrCat(path_, "/", segment.name), error);
  return !error && bytes == segment.digest.bytes;
}

absl::Status CheckpointFolder::WriteSegments(RowSnapshot* rows, Writing* writing) const {
  writing->rows.rows = rows->rows();
  writing->rows.rows_per_segment = rows->rows_per_segment();
  for (const auto& [name, column] : rows->Empty()) writing->rows.columns.push_back(name);
  std::vector<Segment>& segments = writing->rows.segments;
  segments.resize(rows->segments());
  std::vector<int64_t> changed;
  for (const int64_t i : rows->order()) {
    const bool is_known = i < static_cast<int64_t>(newest_.segments.size());
    if (is_known && newest_.segments[i].version == rows->version(i) &&
        IsThere(newest_.segments[i])) {
      segments[i] = newest_.segments[i];
    } else {
      changed.push_back(i);
      writing->total_bytes += rows->bytes(i);
    }
  }
  for (const int64_t i : changed) {
    absl::StatusOr<NamedTensors> taken = rows->Take(i);
    if (!taken.ok()) return taken.status();
    segments[i].name = SegmentName(writing->number, i);
    segments[i].version = rows->version(i);
    writing->paths.push_back(absl::StrCat(path_, "/", segments[i].name));
    const absl::StatusOr<FileDigest> digest =
        writing->Write({{}, *std::move(taken)}, writing->paths.back());
    if (!digest.ok()) return digest.status();
    segments[i].digest = *digest;
  }
  return absl::OkStatus();
}

void CheckpointFolder::RemoveUnnamed() {
  std::set<std::string> kept;
  const std::vector<int64_t> numbers = CheckpointNumbers(path_);
  for (const int64_t number : numbers) {
    auto named = named_.find(number);
    if (named == named_.end()) {  // From an earlier process.
      named = named_.emplace(number, std::nullopt).first;
      const absl::StatusOr<TensorFile> file = TensorFile::Read(CheckpointPath(path_, number));
      if (file.ok()) named->second.emplace();
      if (file.ok() && file->metadata.count(kSegments) > 0) {
        const absl::StatusOr<Rows> rows = FromText(file->metadata.at(kSegments));
        if (!rows.ok()) named->second.reset();
        for (size_t i = 0; rows.ok() && i < rows->segments.size(); ++i) {
          named->second->insert(rows->segments[i].name);
        }
      }
    }
    // It may be mended: what it names is unknown, so that everything stays until it is surplus.
    if (!named->second.has_value()) return;
    kept.insert(named->second->begin(), named->second->end());
  }
  for (auto named = named_.begin(); named != named_.end();) {
    const bool is_there = std::binary_search(numbers.begin(), numbers.end(), named->first);
    named = is_there ? std::next(named) : named_.erase(named);
  }
  std::vector<std::string> unnamed;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename().string();
    if (IsSegment(name) && kept.count(name) == 0) unnamed.push_back(entry.path().string());
  }
  for (const std::string& path : unnamed) Remove(path);
}

absl::Status CheckpointFolder::ReadSegments(const Rows& rows, TensorFile* file) const {
  uint64_t bytes = 0;
  for (const Segment& segment : rows.segments) {
    if (!IsThere(segment)) {
      return absl::DataLossError(absl::StrCat(
          path_, "/", segment.name, " is missing or has not the size it was written with"));
    }
    bytes += segment.digest.bytes;
  }
  auto room = MakeRoom(rows.columns, rows.rows, bytes, &file->tensors);
  if (!room.ok()) return room.status();
  int64_t first = 0;
  for (const Segment& segment : rows.segments) {
    const int64_t count = std::min(rows.rows_per_segment, rows.rows - first);
    const absl::StatusOr<TensorFile> part =
        TensorFile::Read(absl::StrCat(path_, "/", segment.name), &segment.digest);
    if (!part.ok()) return absl::DataLossError(part.status().message());
    for (const auto& [name, values] : part->tensors) {
      const auto column = room->find(name);
      const bool fits = column != room->end() && values.dim() == column->second.dim() &&
                        values.scalar_type() == column->second.scalar_type() &&
                        values.size(0) == count &&
                        values.sizes().slice(1) == column->second.sizes().slice(1);
      if (!fits || part->tensors.size() != room->size()) {
        return absl::DataLossError(absl::StrCat(segment.name, " does not fit its checkpoint"));
      }
      std::memcpy(column->second.narrow(0, first, count).mutable_data_ptr(),
                  values.const_data_ptr(), values.nbytes());
    }
    first += count;
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorFile> CheckpointFolder::Load(int64_t number) const {
  const std::string path = CheckpointPath(path_, number);
  absl::StatusOr<TensorFile> file = TensorFile::Read(path);
  if (!file.ok()) return file.status();
  const auto segments = file->metadata.find(kSegments);
  if (segments == file->metadata.end()) return file;
  const absl::StatusOr<Rows> rows = FromText(segments->second);
  absl::Status status = rows.ok() ? ReadSegments(*rows, &*file) : rows.status();
  if (!status.ok()) return absl::DataLossError(absl::StrCat(path, ": ", status.message()));
  file->metadata.erase(segments);
  return file;
}

absl::StatusOr<TensorFile> CheckpointFolder::LoadNewest() const {
  const std::vector<int64_t> numbers = CheckpointNumbers(path_);
  if (numbers.empty()) return absl::NotFoundError(absl::StrCat("no checkpoint in ", path_));
  std::vector<std::string> damages;
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    absl::StatusOr<TensorFile> content = Load(*number);
    if (content.ok()) return content;
    damages.emplace_back(content.status().message());
    if (std::next(number) != numbers.rend()) {
      spdlog::warn("{}; trying the checkpoint before it", damages.back());
    }
  }
  return absl::DataLossError(
      absl::StrCat("no checkpoint of the run can be read: ", absl::StrJoin(damages, "; ")));
}

}  // namespace armature
