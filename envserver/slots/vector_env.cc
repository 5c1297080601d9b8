#include "envserver/slots/vector_env.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/tensor/packed.h"
#include "envserver/slots/pool_call.h"
#include "envserver/slots/slot_group.h"
#include "envserver/slots/slot_view.h"

namespace armature {
namespace {

// Destroys the environments of a group, one per item, since a destructor may be slow.
class FreeJob : public PoolJob {
 public:
  explicit FreeJob(std::shared_ptr<SlotGroup> slots) : slots_(std::move(slots)) {}
  void RunItem(int64_t item) override { slots_->FreeEnv(item); }
  void OnHung(int64_t) override {}
  void OnFinished() override {}

 private:
  const std::shared_ptr<SlotGroup> slots_;
};

std::vector<std::shared_ptr<SlotView>> ViewsOf(const EnvSpec& spec, int64_t num_envs) {
  std::vector<std::shared_ptr<SlotView>> views(spec.has_scene ? num_envs : 0);
  for (std::shared_ptr<SlotView>& view : views) view = std::make_shared<SlotView>();
  return views;
}

}  // namespace

void VectorEnv::Open(const EnvRegistry* registry, StepPool* pool, VectorEnvOptions options,
                     std::function<absl::Status(const EnvSpec&)> check,
                     std::function<void(absl::StatusOr<std::shared_ptr<VectorEnv>>)> opened) {
  CallOnPool<std::unique_ptr<Env>>(
      pool, absl::StrCat("env ", options.env_id, ": making the environment"),
      [registry, id = options.env_id, config = options.env_config, parameters = options.parameters,
       check = std::move(check)]() -> absl::StatusOr<std::unique_ptr<Env>> {
        absl::StatusOr<std::unique_ptr<Env>> env = registry->Make(id, config);
        if (!env.ok()) return env;
        absl::Status status = check((*env)->spec());
        if (status.ok()) status = ParameterValues((*env)->spec(), parameters).status();
        return status.ok() ? std::move(env) : absl::StatusOr<std::unique_ptr<Env>>(status);
      },
      [registry, pool, options, opened](absl::StatusOr<std::unique_ptr<Env>> env) {
        if (!env.ok()) {
          opened(env.status());
        } else {
          opened(std::make_shared<VectorEnv>(registry, pool, options, *std::move(env)));
        }
      });
}

VectorEnv::VectorEnv(const EnvRegistry* registry, StepPool* pool, VectorEnvOptions options,
                     std::unique_ptr<Env> first_env)
    : pool_(pool),
      plan_(std::make_shared<const SlotPlan>(
          SlotPlan{registry, options, first_env->spec(), SpecHash(first_env->spec()),
                   ParameterValues(first_env->spec(), options.parameters).value(),
                   pool->call_timeout(), ViewsOf(first_env->spec(), options.num_envs)})) {
  absl::MutexLock lock(&mutex_);
  groups_.resize(plan_->options.num_groups);
  for (int64_t i = 0; i < plan_->options.num_groups; ++i) {
    groups_[i].slots = std::make_shared<SlotGroup>(plan_, i);
    groups_[i].parameters = groups_[i].slots->parameters();
  }
  groups_[0].slots->set_env(0, std::move(first_env));
}

VectorEnv::~VectorEnv() = default;

const EnvSpec& VectorEnv::spec() const { return plan_->spec; }
uint64_t VectorEnv::spec_hash() const { return plan_->spec_hash; }
int64_t VectorEnv::num_groups() const { return plan_->options.num_groups; }
int64_t VectorEnv::group_size() const { return plan_->group_size(); }

std::vector<SlotSeed> VectorEnv::SeedsFrom(uint64_t seed, int64_t group) const {
  return plan_->SeedsFrom(seed, group);
}

void VectorEnv::ResetGroup(int64_t group, std::vector<SlotSeed> seeds, Completion completion) {
  const std::shared_ptr<SlotGroup> slots = BeginRun(group);
  if (slots == nullptr) return;
  slots->PrepareReset(seeds);
  Run(*slots, std::move(completion));
}

absl::Status VectorEnv::StepGroup(int64_t group, const v1::Tensor& action, Completion completion) {
  std::shared_ptr<SlotGroup> slots;
  {
    absl::MutexLock lock(&mutex_);
    slots = groups_[group].slots;
  }
  if (absl::Status status = ReadAction(action, *slots); !status.ok()) return status;
  if (BeginRun(group) == nullptr) return absl::OkStatus();
  slots->PrepareStep();
  Run(*slots, std::move(completion));
  return absl::OkStatus();
}

template <typename T>
void VectorEnv::CallSlot(int64_t slot, absl::string_view what,
                         std::function<absl::StatusOr<T>(SlotGroup&, int64_t row)> call,
                         std::function<void(absl::StatusOr<T>)> completion) {
  const std::shared_ptr<SlotGroup> slots = BeginRun(slot / group_size());
  if (slots == nullptr) return;
  const int64_t row = slot % group_size();
  CallOnPool<T>(
      pool_, absl::StrCat(slots->SlotName(row), ": ", what),
      [slots, row, call = std::move(call)] { return call(*slots, row); },
      [self = shared_from_this(), slots, row,
       completion = std::move(completion)](absl::StatusOr<T> result) {
        if (absl::IsDeadlineExceeded(result.status())) slots->AbandonRow(row);
        if (self->EndRun(slots)) completion(std::move(result));
      });
}

absl::Status VectorEnv::CheckLastState(int64_t slot) {
  if (!plan_->options.renders) {
    return absl::InvalidArgumentError(
        "RenderRequest.last_state is set, but the session was opened without `renders`");
  }
  absl::MutexLock lock(&mutex_);
  const std::shared_ptr<SlotGroup>& slots = groups_[slot / group_size()].slots;
  if (slots == nullptr || slots->has_ended(slot % group_size())) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "RenderRequest.last_state is set, but the last step ended no episode of slot ", slot));
}

absl::Status VectorEnv::Render(int64_t slot, bool last_state, RenderCompletion completion) {
  if (!spec().render.has_value()) {
    return absl::FailedPreconditionError("the environment does not render");
  }
  if (last_state) {
    if (absl::Status status = CheckLastState(slot); !status.ok()) return status;
  }
  CallSlot<v1::Tensor>(
      slot, "Render",
      [last_state](SlotGroup& slots, int64_t row) { return slots.Render(row, last_state); },
      std::move(completion));
  return absl::OkStatus();
}

absl::Status VectorEnv::CheckSavesState() const {
  if (spec().saves_state) return absl::OkStatus();
  return absl::FailedPreconditionError("the environment does not save its state");
}

absl::Status VectorEnv::SaveState(int64_t slot, SaveCompletion completion) {
  if (absl::Status status = CheckSavesState(); !status.ok()) return status;
  CallSlot<std::string>(
      slot, "SaveState", [](SlotGroup& slots, int64_t row) { return slots.SaveState(row); },
      std::move(completion));
  return absl::OkStatus();
}

absl::Status VectorEnv::RestoreState(int64_t slot, std::string state,
                                     RestoreCompletion completion) {
  if (absl::Status status = CheckSavesState(); !status.ok()) return status;
  CallSlot<v1::SlotRestored>(
      slot, "RestoreState",
      [state = std::move(state)](SlotGroup& slots, int64_t row) {
        return slots.RestoreState(row, state);
      },
      std::move(completion));
  return absl::OkStatus();
}

absl::Status VectorEnv::SetParameters(const std::map<std::string, double>& values,
                                      absl::Span<const uint32_t> slots) {
  const absl::StatusOr<std::vector<double>> checked = ParameterValues(spec(), values);
  if (!checked.ok()) return checked.status();
  for (uint32_t slot : slots) {
    if (slot < plan_->options.num_envs) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("slot is ", slot, ", expected 0..", plan_->options.num_envs - 1));
  }
  const size_t count = checked->size();
  absl::MutexLock lock(&mutex_);
  const auto set = [&](int64_t slot) {
    mutex_.AssertHeld();
    GroupEntry& entry = groups_[slot / group_size()];
    for (size_t i = 0; i < count; ++i) {
      if (values.count(spec().parameters[i].name) == 0) continue;
      entry.parameters[slot % group_size() * count + i] = (*checked)[i];
    }
    entry.has_new_parameters = true;
  };
  for (uint32_t slot : slots) set(slot);
  for (int64_t slot = 0; slots.empty() && slot < plan_->options.num_envs; ++slot) set(slot);
  return absl::OkStatus();
}

absl::Status VectorEnv::ReadAction(const v1::Tensor& action, SlotGroup& slots) const {
  const ActionSpec& spec = plan_->spec.action;
  const int64_t size = spec.size();
  if (absl::Status status = CheckTensor(action, v1::DTYPE_FLOAT32, {group_size(), size}, "action");
      !status.ok()) {
    return status;
  }
  const absl::Span<const float> values = TensorValues<float>(action);
  std::vector<float>& out = slots.action();
  if (spec.is_discrete()) {
    if (const int64_t i = FindBadChoice(spec, values); i >= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("action", FormatIndex(i, {group_size(), size}), " is ", values[i],
                       ", expected a whole number in 0..", spec.choices[i % size] - 1));
    }
    std::copy(values.begin(), values.end(), out.begin());
    return absl::OkStatus();
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const float low = static_cast<float>(spec.low[i % size]);
    const float high = static_cast<float>(spec.high[i % size]);
    out[i] = std::clamp(values[i], low, high);
  }
  return absl::OkStatus();
}

std::shared_ptr<SlotGroup> VectorEnv::BeginRun(int64_t group) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return nullptr;
  GroupEntry& entry = groups_[group];
  entry.running = true;
  if (entry.has_new_parameters) entry.slots->parameters() = entry.parameters;
  entry.has_new_parameters = false;
  return entry.slots;
}

bool VectorEnv::EndRun(const std::shared_ptr<SlotGroup>& slots) {
  {
    absl::MutexLock lock(&mutex_);
    groups_[slots->group()].running = false;
    if (!closed_) return true;
  }
  pool_->Submit(std::make_shared<FreeJob>(slots), slots->size());
  return false;
}

void VectorEnv::Run(SlotGroup& slots, Completion completion) {
  slots.Run(pool_, [self = shared_from_this(), completion = std::move(completion)](
                       const std::shared_ptr<SlotGroup>& run) { self->OnRun(run, completion); });
}

void VectorEnv::OnRun(const std::shared_ptr<SlotGroup>& slots, const Completion& completion) {
  StepOutcome outcome;
  const int64_t stuck = pool_->abandoned();
  if (slots->hung_rows() == 0) {
    outcome = slots->Assemble();
  } else if (stuck > plan_->options.abandoned_max) {
    outcome.status = absl::ResourceExhaustedError(
        absl::StrCat(slots->HungSentence(), "; ", stuck, " simulator calls hang on this server, ",
                     plan_->options.abandoned_max, " are allowed: restart it"));
    outcome.hung = slots->hung_rows();
  } else if (slots->hung_rounds() >= kStartAttempts) {
    outcome.status = absl::InternalError(
        absl::StrCat(slots->HungSentence(), ", nor had ", kStartAttempts - 1, " new simulators"));
    outcome.hung = slots->hung_rows();
  } else {
    auto successor = std::make_shared<SlotGroup>(*slots);
    {
      absl::MutexLock lock(&mutex_);
      groups_[slots->group()].slots = successor;
    }
    return Run(*successor, completion);
  }
  if (EndRun(slots)) completion(outcome);
}

absl::Status VectorEnv::Watch(int64_t slot, std::shared_ptr<FrameBox> box) {
  if (plan_->views.empty()) {
    return absl::FailedPreconditionError("the environment has no scene");
  }
  plan_->views[slot]->Add(std::move(box));
  return absl::OkStatus();
}

void VectorEnv::Unwatch(int64_t slot, const FrameBox* box) { plan_->views[slot]->Remove(box); }

void VectorEnv::Close() {
  std::vector<std::shared_ptr<SlotGroup>> idle;
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
    closed_ = true;
    for (GroupEntry& entry : groups_) {
      if (!entry.running) idle.push_back(entry.slots);
    }
  }
  for (const std::shared_ptr<SlotView>& view : plan_->views) view->Close();
  for (const std::shared_ptr<SlotGroup>& slots : idle) {
    pool_->Submit(std::make_shared<FreeJob>(slots), slots->size());
  }
}

}  // namespace armature
