#include "actor/link/experience_outbox.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace armature {

void ExperienceOutbox::Add(v1::ExperienceBatch batch) {
  batch.set_sequence(acknowledged_ + unacked_.size() + 1);
  unacked_.push_back(std::move(batch));
}

const v1::ExperienceBatch* ExperienceOutbox::Next() {
  if (sent_ == size()) return nullptr;
  if (sent_ < ever_sent_) ++resent_;
  ++sent_;
  ever_sent_ = std::max(ever_sent_, sent_);
  return &unacked_[sent_ - 1];
}

absl::Status ExperienceOutbox::Acknowledge(uint64_t sequence) {
  if (sequence > acknowledged_ + sent_) {
    return absl::OutOfRangeError(absl::StrCat(
        "ack.sequence is ", sequence, ", but the last batch sent is ", acknowledged_ + sent_));
  }
  while (acknowledged_ < sequence) {
    unacked_.pop_front();
    ++acknowledged_;
    --sent_;
    --ever_sent_;
  }
  return absl::OkStatus();
}

void ExperienceOutbox::Rejoin(uint64_t acknowledged) {
  while (acknowledged_ < acknowledged && ever_sent_ > 0) {
    unacked_.pop_front();
    ++acknowledged_;
    --ever_sent_;
  }
  acknowledged_ = acknowledged;
  for (size_t i = 0; i < unacked_.size(); ++i) unacked_[i].set_sequence(acknowledged_ + i + 1);
  sent_ = 0;
}

}  // namespace armature
