// A CSV file of numbers that adds columns as they appear.
//
// The first row names the columns. A row may lack columns (empty cells). A row with a new column
// rewrites the file, which happens a few times in a run.
// Thread safety: compatible.
#ifndef ARMATURE_LEARNER_RUN_CSV_LOG_H_
#define ARMATURE_LEARNER_RUN_CSV_LOG_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace armature {

class CsvLog {
 public:
  using Row = std::vector<std::pair<std::string, double>>;  // (column, value)

  // Continues the file, or starts one with the first row. Removes a row that was cut short by a
  // kill. Returns the errors of ReadWholeFile and WriteDurably.
  static absl::StatusOr<CsvLog> Open(const std::string& path);

  // Returns Unavailable or WriteDurably's errors if the row is lost; the file stays intact.
  absl::Status Append(const Row& row);

  // Removes the rows whose value in `column`, which must exist, is more than `value_max`. Returns
  // the errors of ReadWholeFile and WriteDurably; then the file is unchanged.
  absl::Status DropAfter(const std::string& column, double value_max);

 private:
  CsvLog(std::string path, std::vector<std::string> columns)
      : path_(std::move(path)), columns_(std::move(columns)) {}
  absl::Status AddColumns(const Row& row);

  std::string path_;
  std::vector<std::string> columns_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_CSV_LOG_H_
