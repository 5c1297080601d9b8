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
#include "deploy/film/part_file.h"
#include "deploy/film/video_file.h"

struct GifFileType;

namespace armature {

class GifFile final : public VideoFile {
 public:
  // Each picture is shown for a whole number of hundredths of a second; players slow down what is
  // shown for less than two.
  static constexpr double kFramesPerSMax = 50;

  // The animation repeats for ever. It is in its place after Close (PartFile).
  // Returns InvalidArgument if a side is not in 1 .. 65535 or the rate is above kFramesPerSMax;
  // Unavailable if it cannot write.
  static absl::StatusOr<std::unique_ptr<VideoFile>> Create(const std::string& path,
                                                           const VideoFormat& format);
  ~GifFile() override;
  GifFile(const GifFile&) = delete;
  GifFile& operator=(const GifFile&) = delete;

  absl::Status Add(absl::Span<const uint8_t> rgb) override;
  absl::Status Close() override;

 private:
  GifFile(std::string path, std::unique_ptr<PartFile> part, GifFileType* file, int width_px,
          int height_px, double frame_cs);

  const std::string path_;
  const std::unique_ptr<PartFile> part_;
  GifFileType* file_;     // Writes the part; null after Close.
  absl::Status failure_;  // The first one.
  const int width_px_;
  const int height_px_;
  const double frame_cs_;  // How long a picture is shown, in hundredths of a second.
  double shown_cs_ = 0;    // Sum over the pictures so far, as asked;
  double given_cs_ = 0;    // as rounded.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_GIF_FILE_H_
