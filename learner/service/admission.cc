#include "learner/service/admission.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/protocol.h"
#include "common/run_config/parameter_config.h"
#include "learner/algorithms/factory.h"
#include "learner/service/message_sizes.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr char kPeerName[] = "learner";

}  // namespace

ExperienceSchema MakeExperienceSchema(const RunConfig& config, const EnvSpec& env) {
  ExperienceSchema schema;
  schema.mode =
      config.algorithm.on_policy() ? v1::COLLECT_MODE_TRAJECTORIES : v1::COLLECT_MODE_TRANSITIONS;
  schema.observation_size = env.observation_size();
  schema.action = env.action;
  schema.goal_extra_size = env.goal.has_value() ? env.goal->extra_size() : 0;
  schema.transitions_per_batch = TransitionsPerBatch(config, env);
  schema.unroll_length = config.algorithm.ppo.unroll_length;
  schema.rollout_steps = config.algorithm.ppo.rollout_steps;
  schema.slots = config.collect.envs_per_actor;
  // Transitions wait for a full batch, and every slot may just have stepped. Unrolls run in all
  // slots, and as many steps may have been lost with their sessions.
  schema.steps_held = config.algorithm.on_policy() ? 2 * config.unroll_length() * schema.slots
                                                   : schema.transitions_per_batch + schema.slots;
  schema.episode = EpisodeBounds::Of(env);
  return schema;
}

Admission::Admission(const RunConfig& config, std::string run_id, ExperienceIntake* intake,
                     WakeSignal* trainer)
    : config_(config),
      run_id_(std::move(run_id)),
      incarnation_(NewIncarnation()),
      intake_(intake),
      trainer_(trainer) {}

absl::Status Admission::SetSpec(const EnvSpec& spec) {
  absl::MutexLock lock(&mutex_);
  return Adopt(spec);
}

void Admission::SetParameters(const std::map<std::string, double>& parameters) {
  absl::MutexLock lock(&mutex_);
  parameters_ = parameters;
}

absl::Status Admission::Adopt(const EnvSpec& spec) {
  absl::StatusOr<v1::PolicySpec> policy = MakePolicySpec(config_.algorithm, spec);
  if (!policy.ok()) return policy.status();
  policy_ = *std::move(policy);
  spec_ = spec;
  if (config_.curriculum.enabled() && !parameters_.has_value()) {
    // If there is an error, the trainer ends the run with it.
    const absl::StatusOr<CurriculumPlan> plan = PlanCurriculum(config_.curriculum, spec);
    if (plan.ok()) parameters_ = {{config_.curriculum.parameter, plan->start}};
  }
  intake_->SetSchema(MakeExperienceSchema(config_, spec));
  trainer_->Notify();
  return absl::OkStatus();
}

absl::StatusOr<v1::JoinResponse> Admission::Join(const v1::JoinRequest& request) {
  if (absl::Status status = CheckHandshake(request.handshake(), run_id_); !status.ok()) {
    return status;
  }
  v1::JoinResponse response;
  *response.mutable_handshake() = MakeHandshake(kPeerName, incarnation_, run_id_);
  response.set_env_id(config_.environment.id);
  response.mutable_env_config()->insert(config_.environment.config.begin(),
                                        config_.environment.config.end());
  response.set_num_envs(config_.collect.envs_per_actor);
  response.set_num_groups(config_.collect.groups);
  if (!request.has_spec()) return response;

  const std::string& peer = request.handshake().peer_name();
  const absl::StatusOr<EnvSpec> spec = EnvSpec::FromProto(request.spec());
  if (!spec.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("spec of ", peer, ": ", spec.status().message()));
  }
  if (request.spec_hash() != SpecHash(*spec)) {
    return absl::FailedPreconditionError(
        absl::StrCat("spec_hash of ", peer, " is ", absl::Hex(request.spec_hash()), ", expected ",
                     absl::Hex(SpecHash(*spec)), " from the spec beside it"));
  }
  if (spec->id != config_.environment.id) {
    return absl::FailedPreconditionError(absl::StrCat("environment of ", peer, " is ", spec->id,
                                                      ", expected ", config_.environment.id));
  }
  absl::MutexLock lock(&mutex_);
  if (!spec_) {
    if (absl::Status status = Adopt(*spec); !status.ok()) {
      return absl::FailedPreconditionError(status.message());
    }
    spdlog::info("{} brought the spec of {}: {} observation values, {} action values", peer,
                 spec->id, spec->observation_size(), spec->action.size());
  }
  if (SpecHash(*spec) != SpecHash(*spec_)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "environment of ", peer, " differs from the run's: ", DescribeDifference(*spec_, *spec)));
  }
  const bool on_policy = config_.algorithm.on_policy();
  response.set_collect_mode(on_policy ? v1::COLLECT_MODE_TRAJECTORIES
                                      : v1::COLLECT_MODE_TRANSITIONS);
  response.set_in_rounds(config_.reproducible.enabled);
  response.set_unroll_length(config_.unroll_length());
  response.set_transitions_per_batch(TransitionsPerBatch(config_, *spec_));
  response.set_unacked_batches_max(config_.collect.unacked_batches_max);
  *response.mutable_policy() = policy_;
  *response.mutable_exploration() = MakeExploration(config_.algorithm);
  response.set_stored_action(StoredActionOf(config_.algorithm));
  response.set_seed(config_.run.seed);
  if (parameters_.has_value()) {
    response.mutable_parameters()->insert(parameters_->begin(), parameters_->end());
  }
  const ActorKey actor = KeyOf(request.handshake());
  response.set_acknowledged_sequence(intake_->AcknowledgedSequence(actor));
  Remember(actor);
  return response;
}

void Admission::Remember(const ActorKey& actor) {
  if (!joined_.insert(actor).second) return;
  joined_order_.push_back(actor);
  if (joined_order_.size() <= kJoinedMax) return;
  joined_.erase(joined_order_.front());
  joined_order_.pop_front();
}

absl::Status Admission::CheckJoined(const v1::Handshake& handshake) const {
  if (absl::Status status = CheckHandshake(handshake, run_id_); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  if (joined_.count(KeyOf(handshake)) > 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(handshake.peer_name(), " has not joined this learner process; join first"));
}

absl::Status Admission::CheckOpen(const v1::OpenExperience& open) const {
  if (absl::Status status = CheckJoined(open.handshake()); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  if (open.spec_hash() != SpecHash(*spec_)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "spec_hash of ", open.handshake().peer_name(), " is ", absl::Hex(open.spec_hash()),
        ", expected ", absl::Hex(SpecHash(*spec_)), "; join again"));
  }
  return absl::OkStatus();
}

std::optional<EnvSpec> Admission::spec() const {
  absl::MutexLock lock(&mutex_);
  return spec_;
}

}  // namespace armature
