// Scalars and settings for TensorBoard: one events.out.tfevents.* file.
//
// A file is a sequence of TFRecords: length (uint64 little-endian), its masked
// CRC-32C, an Event message, its masked CRC-32C; mask(c) = rotr(c, 15) +
// 0xa282ead8.
// Thread safety: compatible.
#ifndef ARMATURE_LEARNER_RUN_EVENT_WRITER_H_
#define ARMATURE_LEARNER_RUN_EVENT_WRITER_H_

#include <cstdint>
#include <fstream>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace armature {

class EventWriter {
 public:
  // Begins a new file in `folder`; its name holds the time and the process id.
  EventWriter(const std::string& folder, absl::Time now);

  // Makes TensorBoard forget the points of this folder at `step` and after it that were
  // written before, but for a folder's first start, which only makes the later ones
  // count. Errors as Append.
  absl::Status AppendStart(int64_t step, absl::Time now);

  // One point a tag; flushed. OK; Unavailable: the file cannot be written.
  absl::Status Append(const std::map<std::string, double>& scalars, int64_t step, absl::Time now);

  // The run's settings, as text, for the tab HPARAMS: numbers and true or false are taken as
  // such. Errors as Append.
  absl::Status AppendSettings(const std::map<std::string, std::string>& settings, absl::Time now);
  // That the run with these settings has ended. Errors as Append.
  absl::Status AppendEnd(absl::Time now);

  const std::string& path() const { return path_; }

 private:
  absl::Status AppendHParams(const std::string& tag, const std::string& content, absl::Time now);
  void WriteRecord(const std::string& event);
  absl::Status Flush();

  std::string path_;
  std::ofstream out_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_EVENT_WRITER_H_
