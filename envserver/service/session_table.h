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

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "envserver/service/env_service_metrics.h"

namespace armature {

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

  // Ends all sessions and refuses new ones.
  void EndAll(const absl::Status& status);

  int64_t slots_total() const { return slots_total_; }
  int64_t slots_free() const;

 private:
  struct Entry {
    int64_t slots;
    std::function<void(const absl::Status&)> end;
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
