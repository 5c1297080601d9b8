#include "deploy/film/gif_file.h"

#include <fcntl.h>
#include <gif_lib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr int kColors = 256;
constexpr int kBitsPerChannel = 8;
constexpr int64_t kSideMaxPx = 65535;
constexpr int kDelayMinCs = 2;

absl::Status Failure(const std::string& path, int error) {
  const char* const text = GifErrorString(error);
  return PartFile::Failure(path, text == nullptr ? "unknown error" : text);
}

// The extension that tells players how often to repeat: 0, for ever.
bool PutLoop(GifFileType* file) {
  const GifByteType loop[] = {1, 0, 0};
  return EGifPutExtensionLeader(file, APPLICATION_EXT_FUNC_CODE) != GIF_ERROR &&
         EGifPutExtensionBlock(file, 11, "NETSCAPE2.0") != GIF_ERROR &&
         EGifPutExtensionBlock(file, sizeof(loop), loop) != GIF_ERROR &&
         EGifPutExtensionTrailer(file) != GIF_ERROR;
}

bool PutDelay(GifFileType* file, int delay_cs) {
  GraphicsControlBlock control = {DISPOSE_DO_NOT, false, delay_cs, NO_TRANSPARENT_COLOR};
  GifByteType bytes[4];
  const size_t size = EGifGCBToExtension(&control, bytes);
  return EGifPutExtension(file, GRAPHICS_EXT_FUNC_CODE, static_cast<int>(size), bytes) != GIF_ERROR;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VideoFile>> GifFile::Create(const std::string& path,
                                                           const VideoFormat& format) {
  for (const int64_t side_px : {format.width_px, format.height_px}) {
    if (side_px < 1 || side_px > kSideMaxPx) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a GIF cannot have pictures of ", format.width_px, " x ", format.height_px, " pixels"));
    }
  }
  if (!(format.frames_per_s > 0 && format.frames_per_s <= kFramesPerSMax)) {
    return absl::InvalidArgumentError(absl::StrCat("a GIF cannot have ", format.frames_per_s,
                                                   " pictures a second; expected more than 0 and "
                                                   "at most ",
                                                   kFramesPerSMax));
  }
  auto part = PartFile::Open(path);
  if (!part.ok()) return part.status();
  const int fd = fcntl((*part)->descriptor(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return PartFile::Failure(path, std::strerror(errno));
  int error = 0;
  GifFileType* const file = EGifOpenFileHandle(fd, &error);  // Closes fd when done.
  if (file == nullptr) {
    close(fd);
    return Failure(path, error);
  }
  auto gif =
      absl::WrapUnique(new GifFile(path, *std::move(part), file, static_cast<int>(format.width_px),
                                   static_cast<int>(format.height_px), 100 / format.frames_per_s));
  EGifSetGifVersion(file, /*gif89=*/true);
  if (EGifPutScreenDesc(file, gif->width_px_, gif->height_px_, kBitsPerChannel, 0, nullptr) ==
          GIF_ERROR ||
      !PutLoop(file)) {
    return Failure(path, file->Error);
  }
  return gif;
}

GifFile::GifFile(std::string path, std::unique_ptr<PartFile> part, GifFileType* file, int width_px,
                 int height_px, double frame_cs)
    : path_(std::move(path)),
      part_(std::move(part)),
      file_(file),
      width_px_(width_px),
      height_px_(height_px),
      frame_cs_(frame_cs) {}

GifFile::~GifFile() {
  if (file_ != nullptr) EGifCloseFile(file_, nullptr);
}

absl::Status GifFile::Add(absl::Span<const uint8_t> rgb) {
  if (!failure_.ok()) return failure_;
  const size_t pixels = static_cast<size_t>(width_px_) * height_px_;
  if (rgb.size() != 3 * pixels) {
    return absl::InvalidArgumentError(
        absl::StrCat("a picture has ", rgb.size(), " bytes, expected ", 3 * pixels));
  }
  std::vector<GifByteType> red(pixels), green(pixels), blue(pixels), index(pixels);
  for (size_t i = 0; i < pixels; ++i) {
    red[i] = rgb[3 * i];
    green[i] = rgb[3 * i + 1];
    blue[i] = rgb[3 * i + 2];
  }
  int colors = kColors;
  GifColorType palette[kColors] = {};
  if (GifQuantizeBuffer(width_px_, height_px_, &colors, red.data(), green.data(), blue.data(),
                        index.data(), palette) == GIF_ERROR) {
    return absl::ResourceExhaustedError(absl::StrCat(path_, ": no memory for its colours"));
  }
  ColorMapObject* const map = GifMakeMapObject(kColors, palette);
  shown_cs_ += frame_cs_;
  const int delay_cs = std::max(kDelayMinCs, static_cast<int>(std::lround(shown_cs_ - given_cs_)));
  given_cs_ += delay_cs;
  bool written = map != nullptr && PutDelay(file_, delay_cs) &&
                 EGifPutImageDesc(file_, 0, 0, width_px_, height_px_, false, map) != GIF_ERROR;
  GifFreeMapObject(map);
  for (int row = 0; written && row < height_px_; ++row) {
    written =
        EGifPutLine(file_, &index[static_cast<size_t>(row) * width_px_], width_px_) != GIF_ERROR;
  }
  if (!written) failure_ = Failure(path_, file_->Error);
  return failure_;
}

absl::Status GifFile::Close() {
  int error = 0;
  if (EGifCloseFile(std::exchange(file_, nullptr), &error) == GIF_ERROR) {
    failure_.Update(Failure(path_, error));
  }
  return failure_.ok() ? part_->Commit() : failure_;
}

}  // namespace armature
