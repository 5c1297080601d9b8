#include "deploy/film/reel.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace armature {
namespace {

constexpr double kDefaultStepS = 0.04;

int64_t ColumnsFor(int64_t environments) {
  return static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(environments))));
}

}  // namespace

Reel::Reel(ReelOptions options, int64_t environments)
    : options_(std::move(options)),
      environments_(environments),
      columns_(ColumnsFor(environments)) {}

absl::Status Reel::Open(PictureSize environment, double step_s) {
  if (!(step_s > 0)) step_s = kDefaultStepS;
  const double steps_per_s = options_.speed / step_s;
  double frames_per_s_max = options_.frames_per_s_max;
  for (const std::string& path : options_.paths) {
    frames_per_s_max = std::min(frames_per_s_max, VideoFile::FramesPerSMax(path));
  }
  // A little less, so that 30.000001 steps a second are all shown at 30.
  stride_ = std::max<int64_t>(1, std::llround(std::ceil(steps_per_s / frames_per_s_max - 1e-6)));
  frames_per_s_ = std::min(steps_per_s / static_cast<double>(stride_), frames_per_s_max);
  size_ = environment;
  const int64_t bytes = size_.width_px * size_.height_px * 3;
  pictures_.assign(environments_, std::vector<uint8_t>(bytes));
  whole_.assign(bytes * columns_ * rows(), 0);
  for (const std::string& path : options_.paths) {
    auto video = VideoFile::Create(
        path, {size_.width_px * columns_, size_.height_px * rows(), frames_per_s_});
    if (!video.ok()) return video.status();
    videos_.push_back(*std::move(video));
  }
  return absl::OkStatus();
}

absl::Span<uint8_t> Reel::picture(int64_t i) { return absl::MakeSpan(pictures_[i]); }

absl::Status Reel::EndStep(bool is_written) {
  ++steps_;
  if (!is_written) return absl::OkStatus();
  Compose();
  for (const std::unique_ptr<VideoFile>& video : videos_) {
    if (absl::Status status = video->Add(whole_); !status.ok()) return status;
  }
  ++written_;
  return absl::OkStatus();
}

void Reel::Compose() {
  const int64_t row_bytes = size_.width_px * 3;
  for (int64_t i = 0; i < environments_; ++i) {
    const uint8_t* from = pictures_[i].data();
    const int64_t top = i / columns_ * size_.height_px;
    const int64_t left = i % columns_ * row_bytes;
    for (int64_t y = 0; y < size_.height_px; ++y, from += row_bytes) {
      std::copy(from, from + row_bytes, &whole_[(top + y) * columns_ * row_bytes + left]);
    }
  }
}

absl::Status Reel::Close() {
  absl::Status status;
  for (const std::unique_ptr<VideoFile>& video : videos_) status.Update(video->Close());
  videos_.clear();
  return status;
}

std::string Reel::Summary() const {
  if (written_ == 0 || options_.paths.empty()) return "";
  return absl::StrFormat("%d pictures, %.3g s, in %s", written_,
                         static_cast<double>(written_) / frames_per_s_,
                         absl::StrJoin(options_.paths, ", "));
}

}  // namespace armature
