#include "envserver/service/session_table.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace armature {

SessionTable::SessionTable(int64_t slots_total, EnvServiceMetrics* metrics)
    : slots_total_(slots_total), metrics_(metrics) {
  metrics_->slots_total.Set(static_cast<double>(slots_total));
}

absl::StatusOr<std::unique_ptr<SessionTable::Grant>> SessionTable::Acquire(
    int64_t slots, std::function<void(const absl::Status&)> end) {
  absl::MutexLock lock(&mutex_);
  if (!ended_.ok()) return ended_;
  if (slots > slots_total_ - slots_in_use_) {
    return absl::ResourceExhaustedError(absl::StrCat("num_envs is ", slots, ", but ",
                                                     slots_total_ - slots_in_use_, " of ",
                                                     slots_total_, " slots are free"));
  }
  slots_in_use_ += slots;
  const uint64_t id = ++last_session_id_;
  sessions_.emplace(id, Entry{slots, std::move(end)});
  UpdateMetrics();
  return std::make_unique<Grant>(this, id);
}

void SessionTable::EndAll(const absl::Status& status) {
  std::vector<std::function<void(const absl::Status&)>> ends;
  {
    absl::MutexLock lock(&mutex_);
    ended_ = status;
    for (const auto& [id, entry] : sessions_) ends.push_back(entry.end);
  }
  for (const auto& end : ends) end(status);
}

int64_t SessionTable::slots_free() const {
  absl::MutexLock lock(&mutex_);
  return slots_total_ - slots_in_use_;
}

void SessionTable::Free(uint64_t session_id) {
  absl::MutexLock lock(&mutex_);
  const auto entry = sessions_.find(session_id);
  slots_in_use_ -= entry->second.slots;
  sessions_.erase(entry);
  UpdateMetrics();
}

void SessionTable::UpdateMetrics() {
  metrics_->sessions.Set(static_cast<double>(sessions_.size()));
  metrics_->slots_in_use.Set(static_cast<double>(slots_in_use_));
}

}  // namespace armature
