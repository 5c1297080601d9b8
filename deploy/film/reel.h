// Puts the pictures of several environments side by side, and writes them to videos.
//
// Environment i is in row i / columns(), column i % columns(); what is left over is black.
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_FILM_REEL_H_
#define ARMATURE_DEPLOY_FILM_REEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "deploy/film/video_file.h"

namespace armature {

struct PictureSize {
  int64_t width_px = 0;
  int64_t height_px = 0;
};

struct ReelOptions {
  std::vector<std::string> paths;  // See VideoFile::Create.
  // Steps are left out if there are more; also those that one of the videos cannot show.
  double frames_per_s_max = 30;
  double speed = 1;  // 2: twice as fast as the robot would move.
};

class Reel {
 public:
  Reel(ReelOptions options, int64_t environments);

  int64_t environments() const { return environments_; }
  int64_t columns() const { return columns_; }
  int64_t rows() const { return (environments_ + columns_ - 1) / columns_; }

  // Creates the videos. A step lasts `step_s` seconds of simulated time; 0: unknown, a 25th.
  // Returns VideoFile::Create's errors.
  absl::Status Open(PictureSize environment, double step_s);

  // Environment i's picture, [height, width, 3]: what is written with the next picture.
  absl::Span<uint8_t> picture(int64_t i);

  // Whether the next step is one of those that are written.
  bool IsDue() const { return steps_ % stride_ == 0; }
  // Ends a step; with `is_written`, writes the pictures as they are now.
  // Returns VideoFile::Add's errors.
  absl::Status EndStep(bool is_written);
  // Returns VideoFile::Close's errors.
  absl::Status Close();

  // For example "118 pictures, 4.7 s, in a.mp4"; empty if nothing was written.
  std::string Summary() const;

 private:
  void Compose();

  const ReelOptions options_;
  const int64_t environments_;
  const int64_t columns_;
  int64_t stride_ = 1;  // Every so many steps are one picture.
  double frames_per_s_ = 0;
  PictureSize size_;  // Of an environment's picture.
  std::vector<std::vector<uint8_t>> pictures_;
  std::vector<uint8_t> whole_;
  std::vector<std::unique_ptr<VideoFile>> videos_;
  int64_t steps_ = 0;
  int64_t written_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_REEL_H_
