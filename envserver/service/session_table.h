// Keeps track of which session holds how many of the server's slots.
//
// Thread safety: all methods.
// Ownership: destroying a Grant frees its slots.
#ifndef ARMATURE_ENVSERVER_SERVICE_SESSION_TABLE_H_
#define ARMATURE_ENVSERVER_SERVICE_SESSION_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "envserver/service/env_service_metrics.h"
#include "envserver/slots/vector_env.h"

namespace armature {

// An open session, as viewers find it.
struct WatchedSession {
  uint64_t id = 0;
  std::string client;  // Its peer name.
  std::shared_ptr<VectorEnv> env;
};

class SessionTable {
 public:
  // The slots that one session holds.
  class Grant {
   public:
    Grant(SessionTable* table, uint64_t session_id) : table_(table), session_id_(session_id) {}
    ~Grant() { table_->Free(session_id_); }
    Grant(const Grant&) = delete;
    Grant& operator=(const Grant&) = delete;
    uint64_t session_id() const { return session_id_; }

   private:
    SessionTable* const table_;
    const uint64_t session_id_;
  };

  // `metrics` must outlive this.
  SessionTable(int64_t slots_total, EnvServiceMetrics* metrics);

  // EndAll calls `end`. Returns ResourceExhausted if fewer slots are free; Unavailable after
  // EndAll.
  absl::StatusOr<std::unique_ptr<Grant>> Acquire(int64_t slots,
                                                 std::function<void(const absl::Status&)> end);

  // Lets viewers find a session, from now until its Grant is destroyed.
  void Show(uint64_t session_id, std::string client, std::weak_ptr<VectorEnv> env);
  // Returns a session that is shown; 0: the last one. NotFound: there is none; the message lists
  // those there are.
  absl::StatusOr<WatchedSession> Find(uint64_t session_id) const;

  // Ends all sessions and refuses new ones.
  void EndAll(const absl::Status& status);

  int64_t slots_total() const { return slots_total_; }
  int64_t slots_free() const;

 private:
  struct Entry {
    int64_t slots;
    std::function<void(const absl::Status&)> end;
    std::string client;
    std::weak_ptr<VectorEnv> env;  // Empty until shown.
  };

  void Free(uint64_t session_id);
  void UpdateMetrics() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t slots_total_;
  EnvServiceMetrics* const metrics_;
  mutable absl::Mutex mutex_;
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);
  int64_t slots_in_use_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_session_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Entry> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_SESSION_TABLE_H_
