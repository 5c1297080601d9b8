#include "deploy/film/run_filmer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/files/atomic_file.h"
#include "deploy/film/part_file.h"
#include "deploy/film/scene_film.h"
#include "deploy/film/sources.h"
#include "learner/run/run_videos.h"

namespace armature {
namespace {

constexpr PictureSize kSize = {480, 320};
constexpr char kTag[] = "evaluation";

bool HasEvents(const std::string& run_dir) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run_dir, error)) {
    if (absl::StartsWith(entry.path().filename().string(), "events.out.tfevents.")) return true;
  }
  return false;
}

absl::Status PutInPlace(const std::string& from, const std::string& place) {
  std::error_code error;
  std::filesystem::rename(from, place, error);
  return error ? PartFile::Failure(place, error.message()) : absl::OkStatus();
}

}  // namespace

RunFilmer::~RunFilmer() {
  if (folder_ >= 0) close(folder_);
}

bool RunFilmer::Lock() {
  if (is_locked_) return true;
  if (folder_ < 0) {
    folder_ = open((run_dir_ + kVideosFolder).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  if (folder_ < 0) return false;  // There is nothing to film yet.
  // A file system without locks has no other follower to tell of.
  is_locked_ = flock(folder_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
  return is_locked_;
}

absl::StatusOr<bool> RunFilmer::FilmNext() {
  if (!Lock()) return false;
  for (const uint64_t step : RecordingSteps(run_dir_)) {
    if (failed_.count(step) > 0 || std::filesystem::exists(VideoPath(run_dir_, step))) continue;
    if (absl::Status status = Film(step); !status.ok()) {
      failed_.insert(step);
      return status;
    }
    return true;
  }
  return false;
}

absl::Status RunFilmer::Film(uint64_t env_steps) {
  const std::string mp4_path = absl::StrCat(run_dir_, kVideosFolder, "/.video.mp4");
  const std::string gif_path = absl::StrCat(run_dir_, kVideosFolder, "/.animation.gif");
  FilmOptions options;
  options.paths = {mp4_path};
  if (HasEvents(run_dir_)) options.paths.push_back(gif_path);
  options.size = kSize;
  const auto film = SceneFilm::Create(options, /*environments=*/1);
  if (!film.ok()) return film.status();
  absl::Status status = FilmRecording(
                            RecordingPath(run_dir_, env_steps), [] { return false; }, film->get())
                            .status();
  if (status.ok()) status = (*film)->Close();
  if (status.ok() && options.paths.size() > 1) status = ShowInTensorBoard(gif_path, env_steps);
  if (status.ok()) status = PutInPlace(mp4_path, VideoPath(run_dir_, env_steps));
  for (const std::string& path : options.paths) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  return status;
}

absl::Status RunFilmer::ShowInTensorBoard(const std::string& gif_path, uint64_t env_steps) {
  const absl::StatusOr<std::string> gif = ReadWholeFile(gif_path);
  if (!gif.ok()) return gif.status();
  if (!events_.has_value()) events_.emplace(run_dir_ + kVideosFolder, absl::Now());
  return events_->AppendImage(kTag, *gif, kSize.width_px, kSize.height_px,
                              static_cast<int64_t>(env_steps), absl::Now());
}

}  // namespace armature
