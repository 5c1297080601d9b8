// Writes scalars, images and settings for TensorBoard to one events.out.tfevents.* file.
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
  // Starts a new file in `folder`, named after the time and the process id.
  EventWriter(const std::string& folder, absl::Time now);

  // Makes TensorBoard drop points at `step` and later that were written to this folder before. The
  // first call in a folder drops nothing; it only makes later calls take effect. Errors as Append.
  absl::Status AppendStart(int64_t step, absl::Time now);

  // Writes one point per tag and flushes. Returns Unavailable if the file cannot be written.
  absl::Status Append(const std::map<std::string, double>& scalars, int64_t step, absl::Time now);

  // Writes an image file for the IMAGES tab: PNG, JPEG or an animated GIF. Errors as Append.
  absl::Status AppendImage(const std::string& tag, const std::string& file, int64_t width_px,
                           int64_t height_px, int64_t step, absl::Time now);

  // Writes the run's settings for the HPARAMS tab. Texts that are numbers, true or false become
  // numbers and booleans. Errors as Append.
  absl::Status AppendSettings(const std::map<std::string, std::string>& settings, absl::Time now);
  // Writes that the run with these settings has ended. Errors as Append.
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
