// Watches the first episode of slots and passes on what Watch sends, with each state's observation:
// every step, the last one included, none dropped.
//
// A watch shows nothing before the next step, so the session is reset with its seed once all slots
// are followed: the episodes are those that it would have played anyway.
// Data flow: WatchStream of each slot -> HasSeen -> on_message.
// Thread safety: belongs to the session's thread.
#ifndef ARMATURE_COMMON_PLAY_SCENE_ONLOOKER_H_
#define ARMATURE_COMMON_PLAY_SCENE_ONLOOKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/env_client/watch_stream.h"
#include "common/play/onlooker.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {

class SceneOnlooker final : public Onlooker {
 public:
  struct Options {
    std::shared_ptr<grpc::Channel> channel;
    uint64_t seed = 0;             // The session's.
    int64_t slots_max = 16;        // Watched are so many, the first ones.
    int64_t steps_max = 0;         // An episode of so many steps is over; 0: only where it ends.
    WakeSignal* signal = nullptr;  // The session's.
    // Gets each message of a slot; frames have the observation. A slot whose simulator failed
    // begins anew with a frame of episode_step 0. Errors end the session.
    std::function<absl::Status(int64_t slot, const v1::WatchResponse& message)> on_message;
  };
  // The session's environment must have a scene.
  explicit SceneOnlooker(Options options);

  absl::Status Begin(EnvSession* session) override;
  absl::Status OnStep(const DecodedStep& step) override;
  // Returns Unavailable if the server shows a step later than kEnvAnswerTimeout.
  absl::StatusOr<bool> HasSeen(const EnvSession::Received& received) override;
  absl::Time NextDeadline() const override { return deadline_; }

 private:
  // Of the session: has no step yet; its slots are not followed yet; it was reset; is watched.
  enum class State { kNew, kBeginning, kResetting, kWatching };
  struct Slot {
    std::unique_ptr<WatchStream> stream;  // Null once its first episode is over.
    bool is_awaited = false;              // The frame of the last step.
    std::vector<float> observation;       // [D], of the frame that is awaited.
  };
  void Watch();
  bool AllFollowed() const;
  // Passes on what has come of a slot.
  absl::Status Take(int64_t index);

  const Options options_;
  const std::unique_ptr<v1::EnvService::Stub> stub_;
  EnvSession* session_ = nullptr;
  State state_ = State::kNew;
  std::vector<Slot> slots_;
  absl::Time deadline_;  // For what is awaited.
};

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_SCENE_ONLOOKER_H_
