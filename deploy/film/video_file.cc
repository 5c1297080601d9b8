#include "deploy/film/video_file.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "deploy/film/gif_file.h"
#include "deploy/film/mp4_file.h"

namespace armature {

bool VideoFile::IsVideo(const std::string& path) {
  return absl::EndsWith(path, ".mp4") || absl::EndsWith(path, ".gif");
}

double VideoFile::FramesPerSMax(const std::string& path) {
  return absl::EndsWith(path, ".gif") ? GifFile::kFramesPerSMax : Mp4File::kFramesPerSMax;
}

absl::StatusOr<std::unique_ptr<VideoFile>> VideoFile::Create(const std::string& path,
                                                             const VideoFormat& format) {
  if (absl::EndsWith(path, ".mp4")) return Mp4File::Create(path, format);
  if (absl::EndsWith(path, ".gif")) return GifFile::Create(path, format);
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": expected a name that ends in .mp4 or .gif"));
}

}  // namespace armature
