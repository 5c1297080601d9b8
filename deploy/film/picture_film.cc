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

PictureFilm::PictureFilm(const FilmOptions& options, int64_t environments)
    : reel_({options.paths, options.frames_per_s_max, options.speed}, environments) {}

absl::StatusOr<std::unique_ptr<PictureFilm>> PictureFilm::Create(const FilmOptions& options,
                                                                 const EnvSpec& spec,
                                                                 int64_t environments) {
  if (!options.camera.empty()) return Refuse("--camera", spec);
  if (options.size.has_value()) return Refuse("--size", spec);
  for (const std::string& path : options.paths) {
    if (absl::EndsWith(path, kEpisodeFileEnding)) return Refuse(path, spec);
  }
  auto film = absl::WrapUnique(new PictureFilm(options, environments));
  absl::Status status =
      film->reel_.Open({spec.render->width_px, spec.render->height_px}, spec.control_period_s);
  if (!status.ok()) return status;
  return film;
}

absl::Status PictureFilm::OnPicture(const v1::Frame& frame) {
  const absl::Span<const uint8_t> rgb = TensorValues<uint8_t>(frame.rgb());
  const absl::Span<uint8_t> picture = reel_.picture(frame.slot());
  std::copy(rgb.begin(), rgb.end(), picture.begin());
  return absl::OkStatus();
}

}  // namespace armature
