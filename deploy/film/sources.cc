#include "deploy/film/sources.h"

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/env_client/watch_stream.h"
#include "common/scene/episode_file.h"
#include "common/sync/steady_time.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {
namespace {

absl::Status Named(const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
}

absl::Status NothingSeen(const SlotSource& source, const std::string& when) {
  return absl::NotFoundError(absl::StrCat("env server ", source.address, ": nobody played slot ",
                                          source.request.slot(), " ", when,
                                          ", so there is nothing to film"));
}

}  // namespace

absl::StatusOr<bool> FilmRecording(const std::string& path, const std::function<bool()>& cancelled,
                                   SceneFilm* film) {
  auto reader = EpisodeReader::Open(path);
  if (!reader.ok()) return reader.status();
  v1::WatchResponse message;
  bool has_frame = false;
  for (;;) {
    if (cancelled()) return absl::CancelledError();
    const absl::StatusOr<bool> more = (*reader)->Next(&message);
    if (!more.ok()) return more.status();
    if (!*more && !has_frame) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": there is no frame in it"));
    }
    if (!*more) return (*reader)->is_complete();
    has_frame = has_frame || message.has_frame();
    absl::Status status = film->OnMessage(0, message);
    if (absl::IsInvalidArgument(status)) return Named(path, status);
    if (status.ok() && message.has_frame()) status = film->EndStep();
    if (!status.ok()) return status;
  }
}

absl::Status FilmSlot(const SlotSource& source, SceneFilm* film) {
  const auto stub = v1::EnvService::NewStub(source.channel);
  const std::string name = absl::StrCat("env server ", source.address);
  const absl::Time end = SteadyTime() + source.duration;
  bool has_frame = false;
  WatchStream stream(stub.get(), source.request, source.signal);
  for (;;) {
    if (source.cancelled()) return absl::CancelledError();
    if (SteadyTime() >= end) {
      return has_frame
                 ? absl::OkStatus()
                 : NothingSeen(source, absl::StrCat("in ", absl::FormatDuration(source.duration)));
    }
    const WatchStream::Received received = stream.Take();
    if (received.message.has_value()) {
      has_frame = has_frame || received.message->has_frame();
      absl::Status status = film->OnMessage(0, *received.message);
      if (absl::IsInvalidArgument(status)) return Named(name, status);
      if (status.ok() && received.message->has_frame()) status = film->EndStep();
      if (!status.ok()) return status;
    } else if (received.ended.has_value()) {
      if (!received.ended->ok()) return Named(name, *received.ended);
      return has_frame ? absl::OkStatus() : NothingSeen(source, "until its session ended");
    } else {
      source.signal->WaitUntil(end);
    }
  }
}

}  // namespace armature
