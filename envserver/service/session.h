// One client's session, without its transport: what each message does, in which
// state it is legal, and what is sent back.
//
// Call order: Create Start (OnMessage | OnWritten)* [OnHalfClose] OnClosed; OnBroken
// at any time. See proto/env_service.proto for the order of messages.
// Thread safety: all methods; none blocks.
// Lease: counts while it is the client's turn, from its last message or the last
// batch sent to it. A stream that has sent nothing at all has one, too. A client
// that does not read is cut off one lease after its session has ended.
// Bounds: at most `opened` and one batch or frame a group wait to be written.
#ifndef ARMATURE_ENVSERVER_SERVICE_SESSION_H_
#define ARMATURE_ENVSERVER_SERVICE_SESSION_H_

#include <cstdint>
#include <deque>
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
#include "envserver/kit/env_registry.h"
#include "envserver/service/deadline_timer.h"
#include "envserver/service/env_service_metrics.h"
#include "envserver/service/session_table.h"
#include "envserver/slots/step_pool.h"
#include "envserver/slots/vector_env.h"
#include "proto/env_service.pb.h"

namespace armature {

// What the sessions of one server share. Owns nothing.
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

// Where a session's answers go. Called with the session's lock held: must neither
// block nor call back.
class SessionSink {
 public:
  virtual ~SessionSink() = default;
  // `response` stays as it is until OnWritten, which follows.
  virtual void Write(const v1::RolloutResponse& response) = 0;
  // Once; nothing is written after it.
  virtual void End(const absl::Status& status) = 0;
  // Breaks a write that gets no further; OnWritten follows.
  virtual void Abort() = 0;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  // `sink` is used until OnClosed; `context` outlives this.
  Session(const SessionContext* context, SessionSink* sink);
  ~Session();

  // Begins the lease.
  void Start();

  // Whether to read on: false once the session has ended.
  bool OnMessage(const v1::RolloutRequest& request);
  void OnWritten(bool ok);
  // The client will send no more: what runs is answered, then the stream ends OK.
  void OnHalfClose();
  // The stream is gone: the slots are free at once.
  void OnBroken();
  // The sink must not be used any more.
  void OnClosed();

 private:
  enum class Turn { kServer, kQueued, kClient };  // Queued: the answer waits to be written.
  struct Group {
    Turn turn = Turn::kServer;
    uint64_t step = 0;     // Of its last batch.
    absl::Duration since;  // When the turn began.
  };

  void OnOpen(const v1::OpenSession& open) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnActions(const v1::ActionBatch& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnReset(const v1::ResetGroup& reset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnRender(const v1::RenderRequest& render) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckOpen(const v1::OpenSession& open) const;
  // Whether a message that names (group, step) is legal now; `kind` is its name.
  absl::Status CheckTurn(absl::string_view kind, uint32_t group, uint64_t step) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRender(uint32_t slot) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ResetGroup(uint32_t group, std::vector<SlotSeed> seeds)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeginServersTurn(uint32_t group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnOpened(absl::StatusOr<std::shared_ptr<VectorEnv>> env);
  void OnStepped(int64_t group, const StepOutcome& outcome);
  void OnRendered(uint32_t slot, absl::StatusOr<v1::Tensor> rgb);
  // Has the answer of a group sent, in its turn.
  void Queue(int64_t group, std::shared_ptr<const v1::RolloutResponse> response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnLeaseDue();
  void ScheduleLease(absl::Duration deadline);
  void Send() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts, and ends with the server's and environment's names before the message.
  void Refuse(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LogFaults(const v1::StepBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AllAnswered() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SessionContext& context_;
  // Lock order: before those of VectorEnv, StepPool, DeadlineTimer, SessionTable.
  absl::Mutex mutex_;
  SessionSink* sink_ ABSL_GUARDED_BY(mutex_);  // Null once it is closed.
  bool opening_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);  // Sent when the last write is over.
  absl::Duration heard_ ABSL_GUARDED_BY(mutex_);     // What the lease counts from.
  std::string client_ ABSL_GUARDED_BY(mutex_);
  std::string env_id_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<SessionTable::Grant> grant_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<VectorEnv> env_ ABSL_GUARDED_BY(mutex_);  // Null until it is open.
  std::vector<Group> groups_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<const v1::RolloutResponse>> outbox_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const v1::RolloutResponse> writing_ ABSL_GUARDED_BY(mutex_);
  int64_t faults_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_SESSION_H_
