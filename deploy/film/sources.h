// Where a film of scenes can come from besides an episode that is played: a recording, or a slot
// that somebody else plays.
//
// Thread safety: free functions.
#ifndef ARMATURE_DEPLOY_FILM_SOURCES_H_
#define ARMATURE_DEPLOY_FILM_SOURCES_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/sync/wake_signal.h"
#include "deploy/film/scene_film.h"
#include "grpcpp/channel.h"
#include "proto/env_service.pb.h"

namespace armature {

// Films all episodes of a recording. `cancelled` is asked between frames.
// Returns whether the recording is complete; false: it breaks off, and was filmed up to there.
// Returns EpisodeReader's and the film's errors; InvalidArgument, naming the file, if it has no
// frame or its messages break the rules; Cancelled.
absl::StatusOr<bool> FilmRecording(const std::string& path, const std::function<bool()>& cancelled,
                                   SceneFilm* film);

struct SlotSource {
  std::shared_ptr<grpc::Channel> channel;
  std::string address;
  v1::WatchRequest request;
  absl::Duration duration = absl::InfiniteDuration();  // Of wall time.
  WakeSignal* signal = nullptr;                        // Makes it check `cancelled`.
  std::function<bool()> cancelled;
};
// Films a slot of an open session until its session ends, or `duration` is over. Frames that it is
// too slow for are missing. Returns the server's errors, which begin with its address; NotFound,
// likewise, if the slot took no step, so that there is no frame; the film's errors; Cancelled.
absl::Status FilmSlot(const SlotSource& source, SceneFilm* film);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_SOURCES_H_
