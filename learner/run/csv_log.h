// A CSV file of numbers that gains columns as they appear.
//
// The first row names the columns. A row may lack columns (empty cells); one with
// a new column rewrites the file, which happens a few times in a run.
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

  // Goes on with the file that is there, or begins one with the first row. A row that
  // a kill has cut short is removed.
  // OK; errors as ReadWholeFile and WriteDurably.
  static absl::StatusOr<CsvLog> Open(const std::string& path);

  // OK; Unavailable or as WriteDurably: the row is lost, the file is intact.
  absl::Status Append(const Row& row);

  // Removes the rows whose `column`, one of the file's, is more than `value_max`.
  // OK; errors as ReadWholeFile and WriteDurably: the file is as it was.
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
