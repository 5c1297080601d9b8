// Writes an animated GIF, one picture at a time.
//
// Each picture has its own palette of 256 colours; more colours are approximated.
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
  // Creates or replaces `path`. `frame_s` is how long each picture is shown, rounded to hundredths
  // of a second and at least two hundredths, since players slow down shorter ones. The animation
  // repeats for ever.
  // Returns InvalidArgument if a side is not in 1 .. 65535; Unavailable if it cannot write.
  static absl::StatusOr<std::unique_ptr<GifFile>> Create(const std::string& path, int64_t width_px,
                                                         int64_t height_px, double frame_s);
  ~GifFile();
  GifFile(const GifFile&) = delete;
  GifFile& operator=(const GifFile&) = delete;

  // `rgb`: [height, width, 3], top row first.
  // Returns InvalidArgument for a wrong number of bytes; Unavailable if it cannot write.
  absl::Status Add(absl::Span<const uint8_t> rgb);
  // Completes the file; call nothing after it. Returns Add's errors.
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
