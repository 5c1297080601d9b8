// Films the environments of sessions that are played: passes what another onlooker sees to a film.
//
// Thread safety: belongs to the session's thread.
#ifndef ARMATURE_DEPLOY_FILM_FILMING_ONLOOKER_H_
#define ARMATURE_DEPLOY_FILM_FILMING_ONLOOKER_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/play/episode_series.h"
#include "common/play/onlooker.h"
#include "common/sync/wake_signal.h"
#include "deploy/film/film.h"

namespace armature {

class FilmingOnlooker final : public Onlooker {
 public:
  // For the environments of `series` as they stand: scenes are drawn here, others draw themselves.
  // Returns FailedPrecondition if the env server shows them in neither way; the errors of SceneFilm
  // and PictureFilm. `signal` is the series'.
  static absl::StatusOr<std::unique_ptr<FilmingOnlooker>> Create(const EpisodeSeriesOptions& series,
                                                                 WakeSignal* signal,
                                                                 const FilmOptions& options);

  absl::Status Begin(EnvSession* session) override;
  absl::Status OnStep(const DecodedStep& step) override { return seeing_->OnStep(step); }
  absl::StatusOr<bool> HasSeen(const EnvSession::Received& received) override;
  absl::Time NextDeadline() const override { return seeing_->NextDeadline(); }

  Film& film() { return *film_; }

 private:
  FilmingOnlooker(std::unique_ptr<Film> film, std::unique_ptr<Onlooker> seeing)
      : film_(std::move(film)), seeing_(std::move(seeing)) {}

  const std::unique_ptr<Film> film_;
  const std::unique_ptr<Onlooker> seeing_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_FILMING_ONLOOKER_H_
