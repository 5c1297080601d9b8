// An animation, written picture by picture.
//
// Each picture has its own 256 colours, so one of more is approximated.
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_VERBS_GIF_FILE_H_
#define ARMATURE_DEPLOY_VERBS_GIF_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

struct GifFileType;

namespace armature {

class GifFile {
 public:
  // Begins `path` anew. `frame_s`: how long a picture is shown; a GIF counts in
  // hundredths, and players slow down what is shown for less than two, so at least
  // that. It is repeated for ever.
  // OK; InvalidArgument: a side is not in 1 .. 65535; Unavailable: cannot be written.
  static absl::StatusOr<std::unique_ptr<GifFile>> Create(const std::string& path, int64_t width_px,
                                                         int64_t height_px, double frame_s);
  ~GifFile();
  GifFile(const GifFile&) = delete;
  GifFile& operator=(const GifFile&) = delete;

  // `rgb`: [height, width, 3], top row first.
  // OK; InvalidArgument: another number of bytes; Unavailable: cannot be written.
  absl::Status Add(absl::Span<const uint8_t> rgb);
  // The file is complete only after it. Nothing may follow. Errors: as Add.
  absl::Status Close();

  int64_t frames() const { return frames_; }

 private:
  GifFile(std::string path, GifFileType* file, int width_px, int height_px, int delay_cs);

  const std::string path_;
  GifFileType* file_;  // Null after Close.
  const int width_px_;
  const int height_px_;
  const int delay_cs_;
  int64_t frames_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_GIF_FILE_H_
