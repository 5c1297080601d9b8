// Takes the pictures that an environment draws of itself (RenderRequest): of the first episode of
// each slot, one of each step, the last one included.
//
// Data flow: EnvSession::Render -> Received.frames -> on_picture.
// Thread safety: belongs to the session's thread.
#ifndef ARMATURE_COMMON_PLAY_PICTURE_ONLOOKER_H_
#define ARMATURE_COMMON_PLAY_PICTURE_ONLOOKER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "common/play/onlooker.h"
#include "proto/env_service.pb.h"

namespace armature {

class PictureOnlooker final : public Onlooker {
 public:
  // The session's environment must render, and the session must be opened with `renders`.
  // `on_picture` gets frame.slot's picture; its errors end the session.
  explicit PictureOnlooker(std::function<absl::Status(const v1::Frame& frame)> on_picture)
      : on_picture_(std::move(on_picture)) {}

  absl::Status Begin(EnvSession* session) override;
  absl::Status OnStep(const DecodedStep& step) override;
  absl::StatusOr<bool> HasSeen(const EnvSession::Received& received) override;

 private:
  struct Question {
    uint32_t slot;
    bool last_state;
  };
  void AskNext();

  const std::function<absl::Status(const v1::Frame& frame)> on_picture_;
  EnvSession* session_ = nullptr;
  std::vector<bool> is_over_;       // By slot: its first episode.
  std::deque<Question> questions_;  // The first one is asked.
};

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_PICTURE_ONLOOKER_H_
