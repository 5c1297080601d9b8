// A film of the pictures that environments draw of themselves: one camera, one size.
//
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_FILM_PICTURE_FILM_H_
#define ARMATURE_DEPLOY_FILM_PICTURE_FILM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/spec/env_spec.h"
#include "deploy/film/film.h"
#include "deploy/film/reel.h"
#include "proto/env_service.pb.h"

namespace armature {

class PictureFilm final : public Film {
 public:
  // `spec` is that of an environment that renders. Returns InvalidArgument, naming the flag, if the
  // options ask for what only scenes have: a camera, a size, a recording; and VideoFile's errors.
  static absl::StatusOr<std::unique_ptr<PictureFilm>> Create(const FilmOptions& options,
                                                             const EnvSpec& spec,
                                                             int64_t environments);

  // Frame.slot says whose picture it is. Returns InvalidArgument if there is no such slot, or its
  // size is not that of the spec.
  absl::Status OnPicture(const v1::Frame& frame);

  absl::Status BeginEpisodes() override { return absl::OkStatus(); }
  absl::Status EndStep() override { return reel_.EndStep(reel_.IsDue()); }
  absl::Status Close() override { return reel_.Close(); }
  std::vector<std::string> Summary() const override { return {reel_.Summary()}; }

 private:
  PictureFilm(const FilmOptions& options, const PictureSize& size, int64_t environments);

  const PictureSize size_;
  Reel reel_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_PICTURE_FILM_H_
