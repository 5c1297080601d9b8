// A video that is written picture by picture.
//
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_FILM_VIDEO_FILE_H_
#define ARMATURE_DEPLOY_FILM_VIDEO_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace armature {

struct VideoFormat {
  int64_t width_px = 0;
  int64_t height_px = 0;
  double frames_per_s = 25;
};

class VideoFile {
 public:
  // What the file's ending says: .mp4 (Mp4File) or .gif (GifFile). Returns InvalidArgument for
  // another ending, and the errors of the class.
  static absl::StatusOr<std::unique_ptr<VideoFile>> Create(const std::string& path,
                                                           const VideoFormat& format);
  static bool IsVideo(const std::string& path);
  // Most pictures a second that a file with this ending can have.
  static double FramesPerSMax(const std::string& path);
  virtual ~VideoFile() = default;

  // `rgb`: [height, width, 3], top row first.
  // Returns InvalidArgument for a wrong number of bytes; Unavailable if it cannot write.
  virtual absl::Status Add(absl::Span<const uint8_t> rgb) = 0;
  // Completes the file; call nothing after it. Returns Add's errors.
  virtual absl::Status Close() = 0;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_VIDEO_FILE_H_
