// A film of scenes: drawn here, by any of their cameras in any size; and recorded episodes.
//
// Data flow: messages of Watch -> SceneReader -> Renderer -> Reel; and whole episodes ->
// EpisodeWriter.
// Thread safety: compatible.
// Bounds: keeps all of the running episodes in memory if it records them.
#ifndef ARMATURE_DEPLOY_FILM_SCENE_FILM_H_
#define ARMATURE_DEPLOY_FILM_SCENE_FILM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/scene/episode_recording.h"
#include "common/scene/scene.h"
#include "common/scene/scene_reader.h"
#include "deploy/film/film.h"
#include "deploy/film/reel.h"
#include "proto/env_service.pb.h"

namespace armature {

class SceneFilm final : public Film {
 public:
  // Films so many environments side by side. Returns InvalidArgument for a path with an ending that
  // it cannot write; Unavailable if a recording cannot be created.
  static absl::StatusOr<std::unique_ptr<SceneFilm>> Create(const FilmOptions& options,
                                                           int64_t environments);
  ~SceneFilm() override;

  // The next message of an environment. A frame of episode_step 0 begins another episode; the last
  // one is void unless it had ended. Returns InvalidArgument if the message breaks the rules;
  // Unavailable if a file cannot be written.
  absl::Status OnMessage(int64_t environment, const v1::WatchResponse& message);

  absl::Status BeginEpisodes() override;
  absl::Status EndStep() override;
  absl::Status Close() override;
  std::vector<std::string> Summary() const override;

 private:
  class Recording;
  struct Environment {
    SceneReader reader;
    bool is_new = false;       // Has a frame that is not drawn yet.
    EpisodeRecording episode;  // The running one; empty if nothing is recorded.
  };
  SceneFilm(const FilmOptions& options, int64_t environments);

  absl::Status Record(Environment* environment);
  // Creates the videos, for the first frame.
  absl::Status Open();
  absl::Status Draw(int64_t index);

  const FilmOptions options_;
  Reel reel_;
  bool has_videos_;
  bool is_open_ = false;
  SceneCamera camera_;
  std::vector<Environment> environments_;
  std::vector<std::unique_ptr<Recording>> recordings_;
  uint64_t episodes_ = 0;  // Recorded.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_SCENE_FILM_H_
