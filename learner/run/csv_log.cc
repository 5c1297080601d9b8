#include "learner/run/csv_log.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/files/atomic_file.h"

namespace armature {

absl::StatusOr<CsvLog> CsvLog::Open(const std::string& path) {
  const absl::StatusOr<std::string> content = ReadWholeFile(path);
  if (absl::IsNotFound(content.status())) return CsvLog(path, {});
  if (!content.ok()) return content.status();
  if (const size_t end = content->rfind('\n') + 1; end != content->size()) {  // npos + 1 is 0.
    const absl::Status status = WriteDurably(path, absl::string_view(*content).substr(0, end));
    if (!status.ok()) return status;
    if (end == 0) return CsvLog(path, {});
  }
  const std::string header = content->substr(0, content->find('\n'));
  return CsvLog(path, absl::StrSplit(header, ',', absl::SkipEmpty()));
}

absl::Status CsvLog::Append(const Row& row) {
  if (absl::Status status = AddColumns(row); !status.ok()) return status;
  std::vector<std::string> cells(columns_.size());
  for (const auto& [column, value] : row) {
    if (!std::isfinite(value)) continue;
    cells[std::find(columns_.begin(), columns_.end(), column) - columns_.begin()] =
        value == std::floor(value) && std::abs(value) < 1e15
            ? absl::StrCat(static_cast<int64_t>(value))
            : absl::StrCat(value);
  }
  std::ofstream out(path_, std::ios::app);
  out << absl::StrJoin(cells, ",") << "\n";
  out.flush();
  if (!out) return absl::UnavailableError(absl::StrCat("cannot write ", path_));
  return absl::OkStatus();
}

absl::Status CsvLog::DropAfter(const std::string& column, double value_max) {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end()) return absl::OkStatus();
  const absl::StatusOr<std::string> before = ReadWholeFile(path_);
  if (!before.ok()) return before.status();
  std::string kept;
  for (const absl::string_view row : absl::StrSplit(*before, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> cells = absl::StrSplit(row, ',');
    const size_t cell = found - columns_.begin();
    double value = 0;  // The names in the header are not numbers.
    const bool is_number = cell < cells.size() && absl::SimpleAtod(cells[cell], &value);
    if (!is_number || value <= value_max) absl::StrAppend(&kept, row, "\n");
  }
  return kept == *before ? absl::OkStatus() : WriteDurably(path_, kept);
}

absl::Status CsvLog::AddColumns(const Row& row) {
  std::vector<std::string> columns = columns_;
  for (const auto& [column, value] : row) {
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
      columns.push_back(column);
    }
  }
  const size_t added = columns.size() - columns_.size();
  if (added == 0) return absl::OkStatus();
  std::vector<std::string> lines = {absl::StrJoin(columns, ",")};
  if (!columns_.empty()) {
    const absl::StatusOr<std::string> before = ReadWholeFile(path_);
    if (!before.ok()) return before.status();
    const std::vector<std::string> rows = absl::StrSplit(absl::StripSuffix(*before, "\n"), '\n');
    for (size_t i = 1; i < rows.size(); ++i) {
      lines.push_back(absl::StrCat(rows[i], std::string(added, ',')));
    }
  }
  const absl::Status status = WriteDurably(path_, absl::StrJoin(lines, "\n") + "\n");
  if (status.ok()) columns_ = std::move(columns);
  return status;
}

}  // namespace armature
