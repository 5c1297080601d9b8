// Writes an animated GIF, one picture at a time.
//
// Each picture has its own palette of 256 colours; more colours are approximated.
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_FILM_GIF_FILE_H_
#define ARMATURE_DEPLOY_FILM_GIF_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "deploy/film/video_file.h"

struct GifFileType;

namespace armature {

class GifFile final : public VideoFile {
 public:
  // Creates or replaces `path`. Each picture is shown for a whole number of hundredths of a second,
  // at least two, since players slow down shorter ones. The animation repeats for ever. A file that
  // is not closed is removed.
  // Returns InvalidArgument if a side is not in 1 .. 65535; Unavailable if it cannot write.
  static absl::StatusOr<std::unique_ptr<VideoFile>> Create(const std::string& path,
                                                           const VideoFormat& format);
  ~GifFile() override;
  GifFile(const GifFile&) = delete;
  GifFile& operator=(const GifFile&) = delete;

  absl::Status Add(absl::Span<const uint8_t> rgb) override;
  absl::Status Close() override;

 private:
  GifFile(std::string path, GifFileType* file, int width_px, int height_px, double frame_cs);

  const std::string path_;
  GifFileType* file_;  // Null after Close.
  bool has_failed_ = false;
  bool is_complete_ = false;
  const int width_px_;
  const int height_px_;
  const double frame_cs_;  // How long a picture is shown, in hundredths of a second.
  double shown_cs_ = 0;    // Sum over the pictures so far, as asked;
  double given_cs_ = 0;    // as rounded.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_GIF_FILE_H_
