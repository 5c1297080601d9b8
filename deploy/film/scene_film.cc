#include "deploy/film/scene_film.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/render/framing.h"
#include "common/render/renderer.h"
#include "common/scene/episode_file.h"
#include "deploy/film/part_file.h"
#include "google/protobuf/io/zero_copy_stream_impl.h"

namespace armature {
namespace {

bool IsRecording(const std::string& path) { return absl::EndsWith(path, kEpisodeFileEnding); }

std::vector<std::string> Videos(const FilmOptions& options) {
  std::vector<std::string> paths;
  for (const std::string& path : options.paths) {
    if (!IsRecording(path)) paths.push_back(path);
  }
  return paths;
}

std::vector<TextLine> Text(const SlotFrame& frame, const EnvSpec& spec) {
  std::vector<TextLine> lines = {{"time", absl::StrFormat("%.2f s", frame.view.time_s)},
                                 {"return", absl::StrFormat("%.2f", frame.return_sum)}};
  if (spec.reports_success) lines.push_back({"success", frame.is_success ? "yes" : "no"});
  return lines;
}

}  // namespace

class SceneFilm::Recording {
 public:
  static absl::StatusOr<std::unique_ptr<Recording>> Create(const std::string& path) {
    auto part = PartFile::Open(path);
    if (!part.ok()) return part.status();
    return absl::WrapUnique(new Recording(path, *std::move(part)));
  }

  absl::Status Write(const v1::WatchResponse& message) {
    return writer_.Write(message).ok() ? absl::OkStatus() : Failure();
  }
  // Puts it in its place.
  absl::Status Close() {
    return writer_.Close().ok() && file_.Flush() ? part_->Commit() : Failure();
  }

 private:
  Recording(std::string path, std::unique_ptr<PartFile> part)
      : path_(std::move(path)),
        part_(std::move(part)),
        file_(part_->descriptor()),
        writer_(&file_) {}

  absl::Status Failure() const { return PartFile::Failure(path_, std::strerror(file_.GetErrno())); }

  const std::string path_;
  const std::unique_ptr<PartFile> part_;
  google::protobuf::io::FileOutputStream file_;
  EpisodeWriter writer_;
};

SceneFilm::SceneFilm(const FilmOptions& options, int64_t environments)
    : options_(options),
      reel_({Videos(options), options.frames_per_s_max, options.speed}, environments),
      has_videos_(!Videos(options).empty()),
      environments_(environments) {}

SceneFilm::~SceneFilm() = default;

absl::StatusOr<std::unique_ptr<SceneFilm>> SceneFilm::Create(const FilmOptions& options,
                                                             int64_t environments) {
  auto film = absl::WrapUnique(new SceneFilm(options, environments));
  for (const std::string& path : options.paths) {
    if (!IsRecording(path)) continue;
    auto recording = Recording::Create(path);
    if (!recording.ok()) return recording.status();
    film->recordings_.push_back(*std::move(recording));
  }
  return film;
}

absl::Status SceneFilm::OnMessage(int64_t index, const v1::WatchResponse& message) {
  Environment& environment = environments_[index];
  const absl::StatusOr<bool> is_frame = environment.reader.Read(message);
  if (!is_frame.ok()) return is_frame.status();
  environment.is_new = environment.is_new || *is_frame;
  if (recordings_.empty()) return absl::OkStatus();
  const bool begins = *is_frame && message.frame().episode_step() == 0;
  if (begins && environment.episode.has_ended()) {
    if (absl::Status status = Record(&environment); !status.ok()) return status;
  }
  environment.episode.Add(message, environment.reader);
  return absl::OkStatus();
}

absl::Status SceneFilm::Record(Environment* environment) {
  if (environment->episode.empty()) return absl::OkStatus();
  absl::StatusOr<std::vector<v1::WatchResponse>> episode = environment->episode.Take();
  if (!episode.ok()) return episode.status();
  for (v1::WatchResponse& message : *episode) {
    if (message.has_frame()) message.mutable_frame()->set_episode(episodes_);
    for (const std::unique_ptr<Recording>& recording : recordings_) {
      if (absl::Status status = recording->Write(message); !status.ok()) return status;
    }
  }
  ++episodes_;
  return absl::OkStatus();
}

absl::Status SceneFilm::BeginEpisodes() {
  for (Environment& environment : environments_) {
    if (absl::Status status = Record(&environment); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SceneFilm::EndStep() {
  if (!has_videos_) return absl::OkStatus();
  if (!is_open_) {
    if (absl::Status status = Open(); !status.ok()) return status;
    is_open_ = true;
  }
  bool is_due = reel_.IsDue();
  for (const Environment& environment : environments_) {
    const SlotFrame& frame = environment.reader.frame();
    is_due = is_due || (environment.is_new && (frame.terminated || frame.truncated));
  }
  for (int64_t i = 0; is_due && i < reel_.environments(); ++i) {
    if (!environments_[i].is_new) continue;  // Its last picture stays.
    if (absl::Status status = Draw(i); !status.ok()) return status;
    environments_[i].is_new = false;
  }
  return reel_.EndStep(is_due);
}

absl::Status SceneFilm::Open() {
  const SceneReader& reader = environments_[0].reader;
  const SlotFrame& frame = reader.frame();
  const Scene& scene = *frame.scene;
  const std::vector<SceneCamera>& cameras = scene.cameras;
  const auto found = std::find_if(cameras.begin(), cameras.end(), [&](const SceneCamera& camera) {
    return options_.camera.empty() || camera.name == options_.camera;
  });
  if (found == cameras.end() && !options_.camera.empty()) {
    std::vector<std::string> names;
    for (const SceneCamera& camera : cameras) names.push_back(camera.name);
    return absl::NotFoundError(absl::StrCat("--camera ", options_.camera, ": ", reader.spec().id,
                                            " has ", absl::StrJoin(names, ", ")));
  }
  camera_ = cameras.empty() ? FrameScene(scene, frame.view) : *found;
  const PictureSize whole =
      options_.size.value_or(PictureSize{camera_.width_px, camera_.height_px});
  camera_.width_px = static_cast<int>(whole.width_px / reel_.columns());
  camera_.height_px = static_cast<int>(whole.height_px / reel_.rows());
  if (absl::Status status = CheckCamera(camera_); !status.ok()) return status;
  return reel_.Open({camera_.width_px, camera_.height_px}, reader.spec().control_period_s);
}

absl::Status SceneFilm::Draw(int64_t index) {
  const SceneReader& reader = environments_[index].reader;
  const SlotFrame& frame = reader.frame();
  std::vector<TextLine> text;
  if (options_.has_text) text = Text(frame, reader.spec());
  return Renderer::Shared().Draw(*frame.scene, frame.view, camera_, reel_.picture(index), text);
}

absl::Status SceneFilm::Close() {
  absl::Status status = BeginEpisodes();
  status.Update(reel_.Close());
  // Nothing is no recording.
  for (size_t i = 0; episodes_ > 0 && i < recordings_.size(); ++i) {
    status.Update(recordings_[i]->Close());
  }
  return status;
}

std::vector<std::string> SceneFilm::Summary() const {
  std::vector<std::string> lines = {reel_.Summary()};
  for (const std::string& path : options_.paths) {
    if (episodes_ > 0 && IsRecording(path)) {
      lines.push_back(
          absl::StrCat(episodes_, episodes_ == 1 ? " episode in " : " episodes in ", path));
    }
  }
  return lines;
}

}  // namespace armature
