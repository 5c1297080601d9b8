#include "deploy/film/picture_film.h"

#include <algorithm>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/scene/episode_file.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

absl::Status Refuse(const std::string& flag, const EnvSpec& spec) {
  return absl::InvalidArgumentError(
      absl::StrCat(flag, ": ", spec.id, " has no scene: it draws itself, as it likes"));
}

}  // namespace

PictureFilm::PictureFilm(const FilmOptions& options, const PictureSize& size, int64_t environments)
    : size_(size), reel_({options.paths, options.frames_per_s_max, options.speed}, environments) {}

absl::StatusOr<std::unique_ptr<PictureFilm>> PictureFilm::Create(const FilmOptions& options,
                                                                 const EnvSpec& spec,
                                                                 int64_t environments) {
  if (!options.camera.empty()) return Refuse("--camera", spec);
  if (options.size.has_value()) return Refuse("--size", spec);
  for (const std::string& path : options.paths) {
    if (absl::EndsWith(path, kEpisodeFileEnding)) return Refuse(path, spec);
  }
  const PictureSize size = {spec.render->width_px, spec.render->height_px};
  auto film = absl::WrapUnique(new PictureFilm(options, size, environments));
  absl::Status status = film->reel_.Open(size, spec.control_period_s);
  if (!status.ok()) return status;
  return film;
}

absl::Status PictureFilm::OnPicture(const v1::Frame& frame) {
  if (frame.slot() >= reel_.environments()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a picture is of slot ", frame.slot(), "; there are ", reel_.environments()));
  }
  const absl::Span<uint8_t> picture = reel_.picture(frame.slot());
  absl::Status status =
      CheckTensor(frame.rgb(), v1::DTYPE_UINT8, {size_.height_px, size_.width_px, 3},
                  absl::StrCat("picture of slot ", frame.slot()));
  if (!status.ok()) return status;
  const absl::Span<const uint8_t> rgb = TensorValues<uint8_t>(frame.rgb());
  std::copy(rgb.begin(), rgb.end(), picture.begin());
  return absl::OkStatus();
}

}  // namespace armature
