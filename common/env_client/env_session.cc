#include "common/env_client/env_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/env_limits.h"
#include "common/rpc/protocol.h"
#include "common/sync/steady_time.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

// Before it gets an answer, a server sends at most `opened` and one batch per group.
constexpr size_t kInboxMax = 4;

// What an answer is called in messages.
absl::string_view NameOf(v1::RolloutResponse::KindCase answer) {
  if (answer == v1::RolloutResponse::kFrame) return "a frame";
  if (answer == v1::RolloutResponse::kState) return "a state";
  return "'restored'";
}

}  // namespace

EnvSession::EnvSession(const std::shared_ptr<grpc::Channel>& channel, std::string address,
                       const v1::OpenSession& open, const EnvSpec& spec, WakeSignal* signal)
    : address_(std::move(address)),
      spec_hash_(open.expected_spec_hash()),
      action_size_(spec.action.size()),
      group_size_(open.num_envs() / open.num_groups()),
      picture_(spec.render.value_or(RenderSpec())),
      decoder_(spec),
      stub_(v1::EnvService::NewStub(channel)),
      open_deadline_(SteadyTime() + kEnvAnswerTimeout),
      last_write_(SteadyTime()),
      groups_(open.num_groups()) {
  stream_ = std::make_unique<Stream>(
      [this](grpc::ClientContext* context,
             grpc::ClientBidiReactor<v1::RolloutRequest, v1::RolloutResponse>* reactor) {
        stub_->async()->Rollout(context, reactor);
      },
      kInboxMax, signal);
  v1::RolloutRequest request;
  *request.mutable_open() = open;
  Write(std::move(request));
}

void EnvSession::Write(v1::RolloutRequest request) {
  stream_->Write(std::move(request));
  last_write_ = SteadyTime();
}

EnvSession::Received EnvSession::Poll(absl::Time now) {
  Received received;
  Stream::Received taken = stream_->Take();
  absl::Status status;
  for (const v1::RolloutResponse& message : taken.messages) {
    status = OnMessage(message, &received);
    if (!status.ok()) break;
  }
  if (status.ok() && taken.ended.has_value()) {
    status =
        taken.ended->ok() ? absl::UnavailableError("the server ended the session") : *taken.ended;
  }
  if (status.ok()) status = CheckDeadlines(now);
  if (!status.ok()) {
    received.ended =
        absl::Status(status.code(), absl::StrCat("env server ", address_, ": ", status.message()));
  } else if (now - last_write_ >= heartbeat_period_) {
    v1::RolloutRequest request;
    request.mutable_heartbeat();
    Write(std::move(request));
  }
  return received;
}

absl::Status EnvSession::OnMessage(const v1::RolloutResponse& message, Received* received) {
  switch (message.kind_case()) {
    case v1::RolloutResponse::kOpened:
      return OnOpened(message.opened());
    case v1::RolloutResponse::kStep:
      return OnStep(message.step(), &received->steps);
    case v1::RolloutResponse::kFrame:
      return OnFrame(message.frame(), &received->frames);
    case v1::RolloutResponse::kState: {
      const absl::Status status = TakeAnswer(message.kind_case(), message.state().slot());
      if (status.ok()) received->states.push_back(message.state());
      return status;
    }
    case v1::RolloutResponse::kRestored:
      return OnRestored(message.restored(), &received->restored);
    default:
      return absl::InvalidArgumentError("sent a response of no known kind");
  }
}

absl::Status EnvSession::OnOpened(const v1::SessionOpened& opened) {
  if (opened_) return absl::InvalidArgumentError("sent 'opened' twice");
  if (absl::Status status = CheckHandshake(opened.handshake(), ""); !status.ok()) return status;
  if (opened.spec_hash() != spec_hash_) {
    return absl::FailedPreconditionError(
        absl::StrCat("opened.spec_hash: expected ", spec_hash_, ", got ", opened.spec_hash()));
  }
  if (!(opened.lease_s() > 0)) {
    return absl::InvalidArgumentError(absl::StrCat("opened.lease_s is ", opened.lease_s()));
  }
  opened_ = true;
  id_ = opened.session_id();
  heartbeat_period_ = absl::Seconds(opened.lease_s()) / 3;
  for (Group& group : groups_) group.deadline = SteadyTime() + kEnvAnswerTimeout;
  return absl::OkStatus();
}

absl::Status EnvSession::OnStep(const v1::StepBatch& batch, std::vector<DecodedStep>* steps) {
  if (!opened_) return absl::InvalidArgumentError("sent a step before 'opened'");
  if (batch.group() >= groups_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("step.group is ", batch.group(), ", expected below ", groups_.size()));
  }
  Group& group = groups_[batch.group()];
  if (!group.awaited || batch.step() != group.step) {
    return absl::InvalidArgumentError(absl::StrCat(
        "step.step of group ", batch.group(), " is ", batch.step(), ", expected ",
        group.awaited ? absl::StrCat(group.step) : std::string("none without an action")));
  }
  auto step = decoder_.Decode(batch, group_size_);
  if (!step.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("step ", batch.step(), " of group ",
                                                   batch.group(), ": ", step.status().message()));
  }
  group.awaited = false;
  steps->push_back(*std::move(step));
  return absl::OkStatus();
}

absl::Status EnvSession::TakeAnswer(v1::RolloutResponse::KindCase kind, uint32_t slot) {
  for (Group& group : groups_) {
    if (!group.asked.has_value() || group.asked->answer != kind || group.asked->slot != slot) {
      continue;
    }
    group.asked.reset();
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("sent ", NameOf(kind), " of slot ", slot, ", which was not asked for"));
}

absl::Status EnvSession::OnFrame(const v1::Frame& frame, std::vector<v1::Frame>* frames) {
  absl::Status status = TakeAnswer(v1::RolloutResponse::kFrame, frame.slot());
  if (!status.ok()) return status;
  status = CheckTensor(frame.rgb(), v1::DTYPE_UINT8, {picture_.height_px, picture_.width_px, 3},
                       absl::StrCat("frame of slot ", frame.slot()));
  if (status.ok()) frames->push_back(frame);
  return status;
}

absl::Status EnvSession::OnRestored(const v1::SlotRestored& restored,
                                    std::vector<RestoredSlot>* slots) {
  absl::Status status = TakeAnswer(v1::RolloutResponse::kRestored, restored.slot());
  if (!status.ok()) return status;
  absl::StatusOr<RestoredSlot> decoded = decoder_.DecodeRestored(restored);
  if (!decoded.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("restored slot ", restored.slot(), ": ", decoded.status().message()));
  }
  slots->push_back(*std::move(decoded));
  return absl::OkStatus();
}

absl::Status EnvSession::CheckDeadlines(absl::Time now) const {
  if (!opened_) {
    if (now < open_deadline_) return absl::OkStatus();
    return absl::DeadlineExceededError(
        absl::StrCat("did not open a session within ", absl::FormatDuration(kEnvAnswerTimeout)));
  }
  for (const Group& group : groups_) {
    if (group.awaited && now >= group.deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "did not answer step ", group.step, " within ", absl::FormatDuration(kEnvAnswerTimeout)));
    }
    if (group.asked.has_value() && now >= group.deadline) {
      return absl::DeadlineExceededError(absl::StrCat("did not send ", NameOf(group.asked->answer),
                                                      " of slot ", group.asked->slot, " within ",
                                                      absl::FormatDuration(kEnvAnswerTimeout)));
    }
  }
  return absl::OkStatus();
}

void EnvSession::Act(uint32_t group, absl::Span<const float> actions) {
  v1::RolloutRequest request;
  v1::ActionBatch* batch = request.mutable_actions();
  batch->set_group(group);
  batch->set_step(groups_[group].step);
  SetTensor<float>({group_size_, action_size_}, actions, batch->mutable_action());
  groups_[group].awaited = true;
  ++groups_[group].step;
  Write(std::move(request));
  groups_[group].deadline = last_write_ + kEnvAnswerTimeout;
}

void EnvSession::Reset(uint32_t group, std::optional<uint64_t> seed) {
  v1::RolloutRequest request;
  v1::ResetGroup* reset = request.mutable_reset();
  reset->set_group(group);
  reset->set_step(groups_[group].step);
  if (seed.has_value()) reset->set_seed(*seed);
  groups_[group].awaited = true;
  groups_[group].step = 0;
  Write(std::move(request));
  groups_[group].deadline = last_write_ + kEnvAnswerTimeout;
}

void EnvSession::Ask(v1::RolloutRequest request, Question question) {
  Group& group = groups_[question.slot / group_size_];
  group.asked = question;
  Write(std::move(request));
  group.deadline = last_write_ + kEnvAnswerTimeout;
}

void EnvSession::Render(uint32_t slot, bool last_state) {
  v1::RolloutRequest request;
  request.mutable_render()->set_slot(slot);
  request.mutable_render()->set_last_state(last_state);
  Ask(std::move(request), {v1::RolloutResponse::kFrame, slot});
}

void EnvSession::SaveState(uint32_t slot) {
  v1::RolloutRequest request;
  request.mutable_save()->set_slot(slot);
  Ask(std::move(request), {v1::RolloutResponse::kState, slot});
}

void EnvSession::RestoreState(uint32_t slot, const std::string& state) {
  v1::RolloutRequest request;
  request.mutable_restore()->set_slot(slot);
  request.mutable_restore()->set_state(state);
  Ask(std::move(request), {v1::RolloutResponse::kRestored, slot});
}

void EnvSession::SetParameters(const std::map<std::string, double>& values,
                               absl::Span<const uint32_t> slots) {
  v1::RolloutRequest request;
  request.mutable_parameters()->mutable_values()->insert(values.begin(), values.end());
  request.mutable_parameters()->mutable_slot()->Add(slots.begin(), slots.end());
  Write(std::move(request));
}

absl::Time EnvSession::NextDeadline() const {
  if (!opened_) return open_deadline_;
  absl::Time next = last_write_ + heartbeat_period_;
  for (const Group& group : groups_) {
    if (group.awaited || group.asked.has_value()) next = std::min(next, group.deadline);
  }
  return next;
}

}  // namespace armature
