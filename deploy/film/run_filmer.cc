#include "deploy/film/run_filmer.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/files/atomic_file.h"
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

}  // namespace

absl::StatusOr<bool> RunFilmer::FilmNext() {
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
  const std::string gif_path = absl::StrCat(run_dir_, kVideosFolder, "/.animation.gif");
  FilmOptions options;
  options.paths = {VideoPath(run_dir_, env_steps)};
  if (HasEvents(run_dir_)) options.paths.push_back(gif_path);
  options.size = kSize;
  const auto film = SceneFilm::Create(options, /*environments=*/1);
  if (!film.ok()) return film.status();
  absl::Status status = FilmRecording(
                            RecordingPath(run_dir_, env_steps), [] { return false; }, film->get())
                            .status();
  if (status.ok()) status = (*film)->Close();
  if (status.ok() && options.paths.size() > 1) status = ShowInTensorBoard(gif_path, env_steps);
  std::error_code ignored;
  std::filesystem::remove(gif_path, ignored);
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
