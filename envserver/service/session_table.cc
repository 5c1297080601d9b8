#include "envserver/service/session_table.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

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
  sessions_.emplace(id, Entry{slots, std::move(end), "", {}});
  UpdateMetrics();
  return std::make_unique<Grant>(this, id);
}

void SessionTable::Show(uint64_t session_id, std::string client, std::weak_ptr<VectorEnv> env) {
  absl::MutexLock lock(&mutex_);
  Entry& entry = sessions_.find(session_id)->second;
  entry.client = std::move(client);
  entry.env = std::move(env);
}

absl::StatusOr<WatchedSession> SessionTable::Find(uint64_t session_id) const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> listed;
  WatchedSession found;
  for (const auto& [id, entry] : sessions_) {
    std::shared_ptr<VectorEnv> env = entry.env.lock();
    if (env == nullptr) continue;
    listed.push_back(absl::StrCat(id, " (", env->spec().id, " of ", entry.client, ")"));
    if (session_id == 0 || id == session_id) found = {id, entry.client, std::move(env)};
  }
  if (found.env != nullptr) return found;
  return absl::NotFoundError(absl::StrCat(
      session_id == 0 ? "no session is open" : absl::StrCat("session ", session_id, " is not open"),
      listed.empty() ? "" : absl::StrCat("; open: ", absl::StrJoin(listed, ", "))));
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
