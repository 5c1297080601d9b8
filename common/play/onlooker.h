// Looks at the slots of a session that is being played, between each step and its answer.
//
// Thread safety: belongs to the session's thread.
#ifndef ARMATURE_COMMON_PLAY_ONLOOKER_H_
#define ARMATURE_COMMON_PLAY_ONLOOKER_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/env_client/env_session.h"
#include "common/env_client/step_decoder.h"

namespace armature {

class Onlooker {
 public:
  virtual ~Onlooker() = default;

  // One that sees nothing and waits for nothing.
  static Onlooker& Nobody();

  // A session begins, which has one group. The onlooker uses it until the next Begin, or its own
  // end.
  virtual absl::Status Begin(EnvSession* session) = 0;

  // Called with each step. It is answered once HasSeen returns true; an onlooker that has reset the
  // session instead gets step 0.
  virtual absl::Status OnStep(const DecodedStep& step) = 0;

  // Called with what the session has received, after OnStep and after every wait, until it returns
  // true.
  virtual absl::StatusOr<bool> HasSeen(const EnvSession::Received& received) = 0;

  // When to call HasSeen at the latest, though nothing has come (a SteadyTime). By default never:
  // the session itself has deadlines for its answers.
  virtual absl::Time NextDeadline() const { return absl::InfiniteFuture(); }
};

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_ONLOOKER_H_
