// Writes an MP4 (H.264, yuv420p) through the program `ffmpeg`, which gets raw pictures by a socket.
//
// The file is complete and in its place after Close (PartFile).
// The program is not disturbed by Ctrl-C on the terminal, so what was recorded until then is kept.
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_FILM_MP4_FILE_H_
#define ARMATURE_DEPLOY_FILM_MP4_FILE_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "deploy/film/part_file.h"
#include "deploy/film/video_file.h"

namespace armature {

class Mp4File final : public VideoFile {
 public:
  static constexpr char kProgram[] = "ffmpeg";
  static constexpr double kFramesPerSMax = 1000;

  // Odd sides get a black row or column, since yuv420p has only even ones. `program` is looked for
  // in the PATH.
  // Returns FailedPrecondition, with what to install, if there is no such program; InvalidArgument
  // if a side is not in 2 .. 16384 or the rate not in 0.1 .. 1000; Unavailable if `path` cannot be
  // written or the program does not start.
  static absl::StatusOr<std::unique_ptr<VideoFile>> Create(const std::string& path,
                                                           const VideoFormat& format,
                                                           const std::string& program = kProgram);
  ~Mp4File() override;

  absl::Status Add(absl::Span<const uint8_t> rgb) override;
  absl::Status Close() override;

 private:
  Mp4File(std::string path, std::unique_ptr<PartFile> part);

  absl::Status Start(const VideoFormat& format, const std::string& program);
  // Ends the program. Returns Unavailable, with what it said, if it failed.
  absl::Status Finish();

  const std::string path_;
  const std::unique_ptr<PartFile> part_;
  int64_t picture_bytes_ = 0;
  int socket_ = -1;    // To the program's standard input.
  int messages_ = -1;  // What it writes to standard error: a file in memory.
  pid_t pid_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_MP4_FILE_H_
