// A CSV file of numbers that gains columns as they appear.
//
// The first row names the columns. A row may lack columns (empty cells); one with
// a new column rewrites the file, which happens a few times in a run.
// Thread safety: compatible.
#ifndef ARMATURE_LEARNER_RUN_DIR_CSV_LOG_H_
#define ARMATURE_LEARNER_RUN_DIR_CSV_LOG_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace armature {

class CsvLog {
 public:
  using Row = std::vector<std::pair<std::string, double>>;  // (column, value)

  // Goes on with the file that is there, or begins one with the first row.
  // OK; errors as ReadWholeFile.
  static absl::StatusOr<CsvLog> Open(const std::string& path);

  // OK; Unavailable or as WriteDurably: the row is lost, the file is intact.
  absl::Status Append(const Row& row);

 private:
  CsvLog(std::string path, std::vector<std::string> columns)
      : path_(std::move(path)), columns_(std::move(columns)) {}
  absl::Status AddColumns(const Row& row);

  std::string path_;
  std::vector<std::string> columns_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_DIR_CSV_LOG_H_
