#include "common/play/scene_onlooker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/env_limits.h"
#include "common/sync/steady_time.h"

namespace armature {

SceneOnlooker::SceneOnlooker(Options options)
    : options_(std::move(options)), stub_(v1::EnvService::NewStub(options_.channel)) {}

absl::Status SceneOnlooker::Begin(EnvSession* session) {
  session_ = session;
  state_ = State::kNew;
  slots_.clear();
  return absl::OkStatus();
}

absl::Status SceneOnlooker::OnStep(const DecodedStep& step) {
  deadline_ = SteadyTime() + kEnvAnswerTimeout;
  if (state_ == State::kNew) {
    state_ = State::kBeginning;
    Watch();
    return absl::OkStatus();
  }
  state_ = State::kWatching;
  const int64_t size = static_cast<int64_t>(step.observation.size()) / step.num_slots();
  auto final_row = step.final_observation.begin();
  for (int64_t i = 0; i < step.num_slots(); ++i) {
    const auto row = step.ended(i) ? final_row : step.observation.begin() + i * size;
    if (step.ended(i)) final_row += size;
    if (i >= static_cast<int64_t>(slots_.size()) || slots_[i].stream == nullptr) continue;
    slots_[i].is_awaited = true;
    slots_[i].observation.assign(row, row + size);
  }
  return absl::OkStatus();
}

void SceneOnlooker::Watch() {
  const int64_t slots = std::min(options_.slots_max, session_->group_size());
  for (int64_t i = 0; i < slots; ++i) {
    v1::WatchRequest request;
    request.set_session_id(session_->id());
    request.set_slot(static_cast<uint32_t>(i));
    slots_.emplace_back().stream =
        std::make_unique<WatchStream>(stub_.get(), request, options_.signal);
  }
}

bool SceneOnlooker::AllFollowed() const {
  return std::all_of(slots_.begin(), slots_.end(),
                     [](const Slot& slot) { return slot.stream->follows(); });
}

absl::StatusOr<bool> SceneOnlooker::HasSeen(const EnvSession::Received&) {
  bool has_seen = state_ == State::kWatching;
  for (size_t i = 0; i < slots_.size(); ++i) {
    // A frame may be there before its step is: it waits for the step's observation.
    if (state_ != State::kBeginning && !slots_[i].is_awaited) continue;
    if (absl::Status status = Take(static_cast<int64_t>(i)); !status.ok()) return status;
    has_seen = has_seen && !slots_[i].is_awaited;
  }
  if (state_ == State::kBeginning && AllFollowed()) {
    state_ = State::kResetting;
    session_->Reset(0, options_.seed);
  }
  if (!has_seen && SteadyTime() >= deadline_) {
    return absl::UnavailableError(absl::StrCat("env server ", session_->address(),
                                               " did not show a step within ",
                                               absl::FormatDuration(kEnvAnswerTimeout)));
  }
  return has_seen;
}

absl::Status SceneOnlooker::Take(int64_t index) {
  Slot& slot = slots_[index];
  for (bool has_frame = false; !has_frame;) {
    WatchStream::Received received = slot.stream->Take();
    if (!received.message.has_value()) {
      if (!received.ended.has_value()) return absl::OkStatus();
      return absl::UnavailableError(absl::StrCat(
          "env server ", session_->address(), ": slot ", index, " is no longer shown: ",
          received.ended->ok() ? "its session has ended" : received.ended->message()));
    }
    bool is_over = false;
    has_frame = received.message->has_frame();
    if (has_frame) {
      v1::PoseFrame* frame = received.message->mutable_frame();
      frame->mutable_observation()->Add(slot.observation.begin(), slot.observation.end());
      is_over = frame->terminated() || frame->truncated() ||
                (options_.steps_max > 0 && frame->episode_step() >= options_.steps_max);
      slot.is_awaited = false;
    }
    absl::Status status = options_.on_message(index, *received.message);
    if (!status.ok()) return status;
    if (is_over) slot.stream = nullptr;
  }
  return absl::OkStatus();
}

}  // namespace armature
