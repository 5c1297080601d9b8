#include "learner/intake/experience_intake.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

// Counters and logs should show one line per fault, not per batch.
constexpr uint64_t kRefusalsLogged = 10;

}  // namespace

ExperienceIntake::ExperienceIntake(const Options& options, CollectCoordinator* coordinator,
                                   LearnerMetrics* metrics, WakeSignal* trainer)
    : options_(options), coordinator_(coordinator), metrics_(metrics), trainer_(trainer) {}

void ExperienceIntake::SetSchema(const ExperienceSchema& schema) {
  absl::MutexLock lock(&mutex_);
  schema_ = schema;
}

absl::StatusOr<uint64_t> ExperienceIntake::OpenStream(const ActorKey& actor,
                                                      std::shared_ptr<ExperiencePeer> peer) {
  std::shared_ptr<ExperiencePeer> replaced, crowded_out;
  uint64_t stream = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (!end_status_.ok()) return end_status_;
    const auto known = actors_.find(actor);
    if (known != actors_.end() && known->second.stream != 0)
      replaced = Remove(known->second.stream);
    if (streams_.size() >= kStreamsMax) {
      crowded_out = MakeRoom();
      if (crowded_out == nullptr) {
        return absl::ResourceExhaustedError(absl::StrCat(
            kStreamsMax, " actors bring experience already, the most this learner takes"));
      }
    }
    Actor& state = actors_[actor];
    gone_.erase(std::exchange(state.gone, 0));
    stream = ++last_stream_;
    state.stream = stream;
    streams_[stream] = {actor, std::move(peer)};
    if (!state.brought) newcomers_.insert(stream);
    metrics_->actors_connected.Set(static_cast<double>(streams_.size()));
  }
  if (replaced != nullptr) {
    replaced->End(absl::AbortedError("a newer experience stream of this actor took its place"));
  }
  if (crowded_out != nullptr) {
    crowded_out->End(absl::ResourceExhaustedError(
        absl::StrCat("of ", kStreamsMax,
                     " experience streams, the most this learner takes, this "
                     "one has been open for longest without any experience")));
  }
  trainer_->Notify();
  return stream;
}

std::shared_ptr<ExperiencePeer> ExperienceIntake::MakeRoom() {
  return newcomers_.empty() ? nullptr : Remove(*newcomers_.begin());
}

std::shared_ptr<ExperiencePeer> ExperienceIntake::Remove(uint64_t stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return nullptr;
  std::shared_ptr<ExperiencePeer> peer = std::move(found->second.peer);
  NoteGone(found->second.actor);
  streams_.erase(found);
  newcomers_.erase(stream);
  metrics_->actors_connected.Set(static_cast<double>(streams_.size()));
  return peer;
}

void ExperienceIntake::NoteGone(const ActorKey& key) {
  const auto found = actors_.find(key);
  Actor& actor = found->second;
  actor.stream = 0;
  if (!actor.brought) {
    actors_.erase(found);
    return;
  }
  actor.gone = ++last_gone_;
  gone_[actor.gone] = key;
  if (gone_.size() <= kActorsMax) return;
  actors_.erase(gone_.begin()->second);
  gone_.erase(gone_.begin());
}

void ExperienceIntake::CloseStream(uint64_t stream) {
  coordinator_->StreamClosed(stream);
  std::shared_ptr<ExperiencePeer> peer;  // Released without the lock.
  {
    absl::MutexLock lock(&mutex_);
    peer = Remove(stream);
  }
  if (peer != nullptr) trainer_->Notify();
}

void ExperienceIntake::EndStreams(const absl::Status& status) {
  std::vector<std::shared_ptr<ExperiencePeer>> peers;
  {
    absl::MutexLock lock(&mutex_);
    end_status_ = status;
    for (const auto& [id, stream] : streams_) peers.push_back(stream.peer);
  }
  for (const auto& peer : peers) peer->End(status);
}

absl::StatusOr<ExperienceIntake::Next> ExperienceIntake::Offer(uint64_t stream,
                                                               v1::ExperienceBatch batch) {
  Entry entry;
  Next next = Next::kRead;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = streams_.find(stream);
    if (found == streams_.end()) return Next::kRead;  // Replaced; it is being ended.
    Stream& source = found->second;
    Actor& actor = actors_[source.actor];
    const uint64_t sequence = batch.sequence();
    if (sequence == 0 || sequence > actor.queued + 1) {
      return absl::OutOfRangeError(absl::StrCat("batch.sequence=", sequence, " of ",
                                                source.actor.first, ": expected ",
                                                actor.queued + 1));
    }
    if (sequence <= actor.queued) {
      metrics_->batches_duplicate.Increment();
      if (sequence <= actor.stored) {
        v1::ExperienceAck ack;
        ack.set_sequence(actor.stored);
        ack.set_refused(source.refused);
        source.peer->SendAck(ack);
      }
      return Next::kRead;
    }
    entry.actor = source.actor;
    entry.stream = stream;
    absl::Status status = CheckExperience(schema_, newest_version_, batch);
    status.Update(coordinator_->Arrived(source.actor, batch.trajectory().grant_id(),
                                        status.ok() ? ExperienceSteps(batch) : 0));
    if (!status.ok()) {
      entry.refusal =
          absl::StrCat("actor ", source.actor.first, ", batch ", sequence, ": ", status.message());
      (absl::IsOutOfRange(status) ? metrics_->batches_refused_version
                                  : metrics_->batches_refused_content)
          .Increment();
      if (source.refused < kRefusalsLogged) spdlog::warn("refused: {}", entry.refusal);
    }
    if (status.ok() && !IsVoid(batch)) {
      actor.brought = true;
      newcomers_.erase(stream);
    }
    if (!status.ok()) {
      entry.refused_steps = ExperienceSteps(batch);
      v1::ExperienceBatch empty;
      empty.set_sequence(sequence);
      batch.Swap(&empty);
    }
    entry.batch = std::move(batch);
    actor.queued = sequence;
    queue_.push_back(std::move(entry));
    metrics_->intake_queue_batches.Set(static_cast<double>(queue_.size()));
    if (queue_.size() >= options_.queue_batches_max) {
      waiting_streams_.push_back(stream);
      next = Next::kWait;
    }
  }
  trainer_->Notify();
  return next;
}

void ExperienceIntake::Deliver(const std::vector<CollectCoordinator::Grant>& grants) {
  absl::MutexLock lock(&mutex_);
  for (const CollectCoordinator::Grant& grant : grants) {
    const auto stream = streams_.find(grant.stream);
    if (stream == streams_.end()) continue;  // CloseStream gives the steps back.
    v1::CollectGrant message;
    message.set_group(grant.group);
    message.set_grant_id(grant.grant_id);
    message.set_policy_version_min(grant.policy_version_min);
    if (grant.seed) message.set_seed(*grant.seed);
    stream->second.peer->SendGrant(message);
  }
}

int64_t ExperienceIntake::NextSteps() const {
  absl::MutexLock lock(&mutex_);
  if (queue_.empty()) return -1;
  return queue_.front().refusal.empty() ? ExperienceSteps(queue_.front().batch) : 0;
}

std::optional<ExperienceIntake::Entry> ExperienceIntake::Pop() {
  std::vector<std::shared_ptr<ExperiencePeer>> resumed;
  std::optional<Entry> entry;
  {
    absl::MutexLock lock(&mutex_);
    if (queue_.empty()) return std::nullopt;
    entry = std::move(queue_.front());
    queue_.pop_front();
    metrics_->intake_queue_batches.Set(static_cast<double>(queue_.size()));
    if (queue_.size() < options_.queue_batches_max) {
      // Resumes all, since there may be no further Pop until each has read.
      for (const uint64_t waiting : std::exchange(waiting_streams_, {})) {
        const auto stream = streams_.find(waiting);
        if (stream != streams_.end()) resumed.push_back(stream->second.peer);
      }
    }
  }
  for (const auto& peer : resumed) peer->ResumeReading();
  return entry;
}

void ExperienceIntake::Stored(const Entry& entry) { Acknowledge(entry, ""); }

void ExperienceIntake::Refused(const Entry& entry, const std::string& why) {
  Acknowledge(entry, why);
}

void ExperienceIntake::Acknowledge(const Entry& entry, const std::string& refusal) {
  absl::MutexLock lock(&mutex_);
  const auto found = actors_.find(entry.actor);
  if (found == actors_.end()) return;  // Forgotten.
  Actor& actor = found->second;
  actor.stored = entry.batch.sequence();
  const auto stream = streams_.find(actor.stream);
  if (stream == streams_.end()) return;  // Join or a duplicate will tell it.
  if (!refusal.empty() && actor.stream == entry.stream) ++stream->second.refused;
  v1::ExperienceAck ack;
  ack.set_sequence(actor.stored);
  ack.set_refused(stream->second.refused);
  ack.set_refusal(refusal);
  stream->second.peer->SendAck(ack);
}

uint64_t ExperienceIntake::AcknowledgedSequence(const ActorKey& actor) const {
  absl::MutexLock lock(&mutex_);
  const auto found = actors_.find(actor);
  return found == actors_.end() ? 0 : found->second.stored;
}

std::map<ActorKey, uint64_t> ExperienceIntake::AcknowledgedSequences() const {
  absl::MutexLock lock(&mutex_);
  std::map<ActorKey, uint64_t> sequences;
  for (const auto& [key, actor] : actors_) {
    if (actor.stored > 0) sequences[key] = actor.stored;
  }
  return sequences;
}

void ExperienceIntake::Restore(const std::map<ActorKey, uint64_t>& acknowledged) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, sequence] : acknowledged) {
    actors_[key].brought = true;
    actors_[key].queued = sequence;
    actors_[key].stored = sequence;
    NoteGone(key);
  }
}

int64_t ExperienceIntake::streams() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(streams_.size());
}

}  // namespace armature
