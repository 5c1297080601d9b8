#include "common/play/picture_onlooker.h"

namespace armature {

absl::Status PictureOnlooker::Begin(EnvSession* session) {
  session_ = session;
  is_over_.assign(session->group_size(), false);
  questions_.clear();
  return absl::OkStatus();
}

absl::Status PictureOnlooker::OnStep(const DecodedStep& step) {
  for (int64_t slot = 0; slot < step.num_slots(); ++slot) {
    if (is_over_[slot]) continue;
    is_over_[slot] = step.ended(slot);
    questions_.push_back({static_cast<uint32_t>(slot), is_over_[slot]});
  }
  AskNext();
  return absl::OkStatus();
}

void PictureOnlooker::AskNext() {
  if (questions_.empty()) return;
  session_->Render(questions_.front().slot, questions_.front().last_state);
}

absl::StatusOr<bool> PictureOnlooker::HasSeen(const EnvSession::Received& received) {
  for (const v1::Frame& frame : received.frames) {
    if (absl::Status status = on_picture_(frame); !status.ok()) return status;
    questions_.pop_front();
    AskNext();
  }
  return questions_.empty();
}

}  // namespace armature
