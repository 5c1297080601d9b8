// Films environments while they are played, step by step, into the files that were asked for.
//
// Two strategies: a SceneFilm (scene_film.h) draws the scenes of our environments, a PictureFilm
// (picture_film.h) takes the pictures that an environment draws of itself.
// Call order: (BeginEpisodes (EndStep)*)* Close.
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_FILM_FILM_H_
#define ARMATURE_DEPLOY_FILM_FILM_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "deploy/film/reel.h"

namespace armature {

struct FilmOptions {
  std::vector<std::string> paths;   // .mp4, .gif; scenes also .episodes
  std::string camera;               // Of the scene, by name; empty: its first.
  std::optional<PictureSize> size;  // Of the whole video; absent: that of the camera.
  double frames_per_s_max = 30;
  double speed = 1;
  bool has_text = true;
};

class Film {
 public:
  virtual ~Film() = default;

  // All environments begin other episodes; those recorded so far are written.
  // Returns Unavailable if a file cannot be written.
  virtual absl::Status BeginEpisodes() = 0;

  // What this step looks like has come; it is filmed if a picture is due, or the step is the last
  // of an episode. Returns FailedPrecondition if there is no OpenGL or no ffmpeg; NotFound if the
  // scene has no such camera; Unavailable if a file cannot be written.
  virtual absl::Status EndStep() = 0;

  // Completes the files and puts them in their places, where until then older ones stay; one
  // without a picture or an episode does not appear. Call nothing but Summary after it. Returns
  // Unavailable.
  virtual absl::Status Close() = 0;

  // What was written, a line for each kind of file.
  virtual std::vector<std::string> Summary() const = 0;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_FILM_H_
