// One client's session, without its transport: handles each message, checks that it is legal in the
// current state, and sends the answers.
//
// Call order: Create Start (OnMessage | OnWritten)* [OnHalfClose] OnClosed; OnBroken at any time.
// The order of messages is in proto/env_service.proto.
// Thread safety: all methods; none blocks.
// Lease: runs while it is the client's turn, from the client's last message or the last batch sent
// to it, and also on a stream that has sent nothing yet. A client that does not read is cut off one
// lease after its session has ended.
// Bounds: at most `opened` and one answer per group wait to be written.
#ifndef ARMATURE_ENVSERVER_SERVICE_SESSION_H_
#define ARMATURE_ENVSERVER_SERVICE_SESSION_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "envserver/env/env_registry.h"
#include "envserver/service/deadline_timer.h"
#include "envserver/service/env_service_metrics.h"
#include "envserver/service/session_table.h"
#include "envserver/slots/step_pool.h"
#include "envserver/slots/vector_env.h"
#include "proto/env_service.pb.h"

namespace armature {

// Shared by all sessions of a server. Owns nothing.
struct SessionContext {
  const EnvRegistry* registry;
  StepPool* pool;
  DeadlineTimer* timer;
  SessionTable* table;
  EnvServiceMetrics* metrics;
  std::string server_name;
  uint64_t incarnation;
  absl::Duration lease;
  int64_t abandoned_max;  // See VectorEnvOptions.
  int64_t message_bytes_max;
};

// Receives a session's answers. Called with the session's lock held, so it must neither block nor
// call back.
class SessionSink {
 public:
  virtual ~SessionSink() = default;
  // `response` does not change until OnWritten, which must follow.
  virtual void Write(const v1::RolloutResponse& response) = 0;
  // Called once; nothing is written after it.
  virtual void End(const absl::Status& status) = 0;
  // Breaks off a write that is stuck; OnWritten follows.
  virtual void Abort() = 0;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  // `sink` is used until OnClosed; `context` must outlive this.
  Session(const SessionContext* context, SessionSink* sink);
  ~Session();

  // Starts the lease.
  void Start();

  // Returns whether to keep reading: false once the session has ended.
  bool OnMessage(const v1::RolloutRequest& request);
  void OnWritten(bool ok);
  // The client will send no more. Answers what is still running, then ends the stream with OK.
  void OnHalfClose();
  // The stream has broken. Frees the slots at once.
  void OnBroken();
  // The sink must not be used after this.
  void OnClosed();

 private:
  enum class Turn { kServer, kQueued, kClient };  // kQueued: the answer waits to be written.
  struct Group {
    Turn turn = Turn::kServer;
    uint64_t step = 0;     // Step of its last batch.
    absl::Duration since;  // When the turn began.
  };
  struct Answer {
    std::optional<int64_t> group;  // Absent: SessionOpened.
    std::shared_ptr<const v1::RolloutResponse> response;
  };

  void OnOpen(const v1::OpenSession& open) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnActions(const v1::ActionBatch& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnReset(const v1::ResetGroup& reset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnRender(const v1::RenderRequest& render) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnSave(const v1::SaveState& save) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnRestore(const v1::RestoreState& restore) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnParameters(const v1::SetParameters& parameters) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckOpen(const v1::OpenSession& open) const;
  // Checks whether a message of type `kind` for (group, step) is legal now.
  absl::Status CheckTurn(absl::string_view kind, uint32_t group, uint64_t step) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same for messages about one slot.
  absl::Status CheckSlotTurn(absl::string_view kind, uint32_t slot) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckFrameSize() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ResetGroup(uint32_t group, std::vector<SlotSeed> seeds)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeginServersTurn(uint32_t group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnOpened(absl::StatusOr<std::shared_ptr<VectorEnv>> env);
  void OnStepped(int64_t group, const StepOutcome& outcome);
  // Answers a message about one slot: `fill` writes the response; or ends the session with
  // `status`.
  void OnSlotAnswer(uint32_t slot, const absl::Status& status,
                    const std::function<void(v1::RolloutResponse*)>& fill);
  // Queues a group's answer for sending.
  void Queue(int64_t group, std::shared_ptr<const v1::RolloutResponse> response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnLeaseDue();
  void ScheduleLease(absl::Duration deadline);
  void Send() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts the refusal and ends the session; the message begins with server and environment names.
  void Refuse(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LogFaults(const v1::StepBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AllAnswered() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SessionContext& context_;
  // Lock order: before the locks of VectorEnv, StepPool, DeadlineTimer and SessionTable.
  absl::Mutex mutex_;
  SessionSink* sink_ ABSL_GUARDED_BY(mutex_);  // Null once closed.
  bool opening_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);  // Sent after the last write.
  absl::Duration heard_ ABSL_GUARDED_BY(mutex_);     // Start of the lease.
  std::string client_ ABSL_GUARDED_BY(mutex_);
  std::string env_id_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<SessionTable::Grant> grant_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<VectorEnv> env_ ABSL_GUARDED_BY(mutex_);  // Null until opened.
  // Came before the environment was there.
  std::vector<v1::SetParameters> early_parameters_ ABSL_GUARDED_BY(mutex_);
  std::vector<Group> groups_ ABSL_GUARDED_BY(mutex_);
  std::deque<Answer> outbox_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const v1::RolloutResponse> writing_ ABSL_GUARDED_BY(mutex_);
  int64_t faults_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_SESSION_H_
