#include "envserver/slots/vector_env.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/tensor/packed.h"
#include "envserver/slots/pool_call.h"
#include "envserver/slots/slot_group.h"

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

}  // namespace

void VectorEnv::Open(const EnvRegistry* registry, StepPool* pool, VectorEnvOptions options,
                     std::function<absl::Status(const EnvSpec&)> check,
                     std::function<void(absl::StatusOr<std::shared_ptr<VectorEnv>>)> opened) {
  CallOnPool<std::unique_ptr<Env>>(
      pool, absl::StrCat("env ", options.env_id, ": making the environment"),
      [registry, id = options.env_id, config = options.env_config,
       check = std::move(check)]() -> absl::StatusOr<std::unique_ptr<Env>> {
        absl::StatusOr<std::unique_ptr<Env>> env = registry->Make(id, config);
        const absl::Status status = env.ok() ? check((*env)->spec()) : absl::OkStatus();
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
          SlotPlan{registry, std::move(options), first_env->spec(), SpecHash(first_env->spec()),
                   pool->call_timeout()})) {
  absl::MutexLock lock(&mutex_);
  groups_.resize(plan_->options.num_groups);
  for (int64_t i = 0; i < plan_->options.num_groups; ++i) {
    groups_[i].slots = std::make_shared<SlotGroup>(plan_, i);
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

absl::Status VectorEnv::Render(int64_t slot, RenderCompletion completion) {
  if (!spec().render.has_value()) {
    return absl::FailedPreconditionError("the environment does not render");
  }
  const std::shared_ptr<SlotGroup> slots = BeginRun(slot / group_size());
  if (slots == nullptr) return absl::OkStatus();
  const int64_t row = slot % group_size();
  CallOnPool<v1::Tensor>(
      pool_, absl::StrCat(slots->SlotName(row), ": Render"),
      [slots, row] { return slots->Render(row); },
      [self = shared_from_this(), slots, row,
       completion = std::move(completion)](absl::StatusOr<v1::Tensor> rgb) {
        if (absl::IsDeadlineExceeded(rgb.status())) slots->AbandonRow(row);
        if (self->EndRun(slots)) completion(std::move(rgb));
      });
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
  groups_[group].running = true;
  return groups_[group].slots;
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
  for (const std::shared_ptr<SlotGroup>& slots : idle) {
    pool_->Submit(std::make_shared<FreeJob>(slots), slots->size());
  }
}

}  // namespace armature
