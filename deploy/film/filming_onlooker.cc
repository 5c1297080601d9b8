#include "deploy/film/filming_onlooker.h"

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "common/play/picture_onlooker.h"
#include "common/play/scene_onlooker.h"
#include "deploy/film/picture_film.h"
#include "deploy/film/scene_film.h"

namespace armature {

absl::StatusOr<std::unique_ptr<FilmingOnlooker>> FilmingOnlooker::Create(
    const EpisodeSeriesOptions& series, WakeSignal* signal, const FilmOptions& options) {
  if (series.spec.has_scene) {
    auto film = SceneFilm::Create(options, series.num_envs);
    if (!film.ok()) return film.status();
    SceneOnlooker::Options watching;
    watching.channel = series.channel;
    watching.seed = series.seed;
    watching.steps_max = series.steps_max;
    watching.signal = signal;
    watching.on_message = [film = film->get()](int64_t slot, const v1::WatchResponse& message) {
      return film->OnMessage(slot, message);
    };
    auto seeing = std::make_unique<SceneOnlooker>(std::move(watching));
    return absl::WrapUnique(new FilmingOnlooker(*std::move(film), std::move(seeing)));
  }
  if (!series.spec.render.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("env server ", series.address, " does not show ", series.spec.id,
                     ": it has no scene and does not draw (armature-serve draws with --render)"));
  }
  auto film = PictureFilm::Create(options, series.spec, series.num_envs);
  if (!film.ok()) return film.status();
  auto seeing = std::make_unique<PictureOnlooker>(
      [film = film->get()](const v1::Frame& frame) { return film->OnPicture(frame); });
  return absl::WrapUnique(new FilmingOnlooker(*std::move(film), std::move(seeing)));
}

absl::Status FilmingOnlooker::Begin(EnvSession* session) {
  if (absl::Status status = film_->BeginEpisodes(); !status.ok()) return status;
  return seeing_->Begin(session);
}

absl::StatusOr<bool> FilmingOnlooker::HasSeen(const EnvSession::Received& received) {
  const absl::StatusOr<bool> has_seen = seeing_->HasSeen(received);
  if (!has_seen.ok() || !*has_seen) return has_seen;
  if (absl::Status status = film_->EndStep(); !status.ok()) return status;
  return true;
}

}  // namespace armature
