#include "actor/evaluator.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "absl/strings/str_cat.h"
#include "common/play/evaluation_tally.h"
#include "common/play/play_episodes.h"
#include "common/play/scene_onlooker.h"
#include "common/rpc_client/backoff.h"
#include "common/rpc_client/refusal.h"
#include "common/rpc_client/unary_call.h"
#include "common/scene/episode_file.h"
#include "common/scene/scene_reader.h"
#include "common/sync/steady_time.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

// The learner publishes a version before it asks for its evaluation.
constexpr absl::Duration kPolicyTimeout = absl::Seconds(30);
constexpr absl::Duration kReportTimeout = absl::Seconds(10);
constexpr int kReportAttempts = 6;
// Of a recording, before it is packed: far less than a message may have.
constexpr int64_t kRecordingBytesMax = 32 << 20;

bool IsSameEvaluation(const v1::EvaluationRequest& a, const v1::EvaluationRequest& b) {
  return a.policy_version_min() == b.policy_version_min() && a.episodes() == b.episodes() &&
         a.seed() == b.seed() && a.num_envs() == b.num_envs() &&
         a.episode_steps_max() == b.episode_steps_max() &&
         std::map<std::string, double>(a.parameters().begin(), a.parameters().end()) ==
             std::map<std::string, double>(b.parameters().begin(), b.parameters().end());
}

absl::StatusOr<std::string> Packed(EpisodeRecording* recording) {
  const absl::StatusOr<std::vector<v1::WatchResponse>> messages = recording->Take();
  if (!messages.ok()) return messages.status();
  return PackEpisodes(*messages);
}

void SetRecording(absl::StatusOr<std::string> recording, v1::EvaluationResult* result) {
  if (recording.ok()) {
    result->set_recording(*std::move(recording));
  } else {
    result->set_recording_problem(std::string(recording.status().message()));
  }
}

}  // namespace

Evaluator::Evaluator(const Options& options, const std::shared_ptr<grpc::Channel>& learner,
                     ServerDirectory* directory, ChannelPool* channels, const PolicyStore* store,
                     std::unique_ptr<PolicyRunner> runner, ActorMetrics* metrics)
    : options_(options),
      directory_(directory),
      channels_(channels),
      store_(store),
      runner_(std::move(runner)),
      metrics_(metrics),
      learner_(v1::LearnerService::NewStub(learner)),
      // OpenMP limits threads separately for each thread; a new thread would use every core.
      thread_([this, threads = at::get_num_threads()] {
        at::set_num_threads(threads);
        Run();
      }) {}

Evaluator::~Evaluator() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  signal_.Notify();
  thread_.join();
}

void Evaluator::Submit(const v1::EvaluationRequest& request) {
  absl::MutexLock lock(&mutex_);
  if (current_.has_value() && IsSameEvaluation(*current_, request)) {
    current_->set_evaluation_id(request.evaluation_id());
    got_on_ = true;  // Counts as progress, so that the learner is told.
    next_.reset();
    return;
  }
  next_ = request;
  signal_.Notify();
}

uint64_t Evaluator::TakeProgress() {
  absl::MutexLock lock(&mutex_);
  if (!current_.has_value() || !std::exchange(got_on_, false)) return 0;
  return current_->evaluation_id();
}

void Evaluator::NoteProgress() {
  absl::MutexLock lock(&mutex_);
  got_on_ = true;
}

uint64_t Evaluator::current_id() const {
  absl::MutexLock lock(&mutex_);
  return current_->evaluation_id();
}

std::optional<v1::EvaluationRequest> Evaluator::NextRequest() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      current_.reset();
      if (stopping_) return std::nullopt;
      if (next_.has_value()) {
        current_ = std::exchange(next_, std::nullopt);
        got_on_ = true;
        return current_;
      }
    }
    signal_.WaitUntil(absl::InfiniteFuture());
  }
}

bool Evaluator::Superseded() const {
  absl::MutexLock lock(&mutex_);
  return stopping_ || next_.has_value();
}

void Evaluator::Run() {
  while (const std::optional<v1::EvaluationRequest> request = NextRequest()) {
    v1::EvaluationResult result;
    *result.mutable_handshake() = options_.identity.handshake();
    const absl::Status status = Evaluate(*request, &result);
    if (absl::IsCancelled(status)) continue;
    if (!status.ok()) {
      result.clear_episodes();
      result.set_error(std::string(status.message()));
      metrics_->evaluations_failed.Increment();
      spdlog::warn("evaluation {}: {}", request->evaluation_id(), std::string(status.message()));
    } else {
      metrics_->evaluations.Increment();
    }
    Report(std::move(result));
  }
}

absl::Status Evaluator::Evaluate(const v1::EvaluationRequest& request,
                                 v1::EvaluationResult* result) {
  if (request.episodes() == 0 || request.num_envs() == 0) {
    return absl::InvalidArgumentError("the request asks for no episodes or no envs");
  }
  const auto policy = AwaitPolicy(request.policy_version_min());
  if (!policy.ok()) return policy.status();
  result->set_policy_version(policy->version);
  return RunEpisodes(request, *policy, result);
}

absl::StatusOr<PolicySnapshot> Evaluator::AwaitPolicy(uint64_t version_min) {
  const absl::Time deadline = SteadyTime() + kPolicyTimeout;
  for (;;) {
    const PolicySnapshot policy = store_->newest();
    if (policy.network != nullptr && policy.version >= version_min) return policy;
    if (Superseded()) return absl::CancelledError();
    if (SteadyTime() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "policy version ", version_min, " did not come; the newest is ", policy.version));
    }
    signal_.WaitUntil(deadline);
  }
}

absl::Status Evaluator::RunEpisodes(const v1::EvaluationRequest& request,
                                    const PolicySnapshot& policy, v1::EvaluationResult* result) {
  absl::Status last = absl::UnavailableError("there is no env server");
  const std::vector<std::string> addresses = directory_->addresses();
  bool records = request.records();
  if (records && !options_.spec.has_scene) {
    records = false;
    result->set_recording_problem(absl::StrCat(options_.spec.id, " has no scene"));
  }
  for (size_t i = 0; i < addresses.size();) {
    const std::string& address =
        addresses[(NameHash(options_.identity.name) + i) % addresses.size()];
    bool opened = false;
    EpisodeRecording recording(kRecordingBytesMax);
    last = RunOn(address, request, policy, records ? &recording : nullptr, result, &opened);
    if (last.ok() && records) SetRecording(Packed(&recording), result);
    if (last.ok() || absl::IsCancelled(last)) return last;
    if (!opened) {
      ++i;
    } else if (records) {
      // It may be the recording that failed, and the evaluation matters more.
      records = false;
      SetRecording(last, result);
    } else {
      return last;
    }
  }
  return last;
}

absl::Status Evaluator::RunOn(const std::string& address, const v1::EvaluationRequest& request,
                              const PolicySnapshot& policy, EpisodeRecording* recording,
                              v1::EvaluationResult* result, bool* opened) {
  const auto channel = channels_->Get(address);
  if (!channel.ok()) return channel.status();
  const int64_t num_envs = std::min(request.num_envs(), request.episodes());
  const int64_t steps_max = options_.spec.horizon > 0 ? 0 : request.episode_steps_max();
  v1::OpenSession open;
  *open.mutable_handshake() = options_.identity.handshake();
  open.set_env_id(options_.spec.id);
  open.mutable_env_config()->insert(options_.env_config.begin(), options_.env_config.end());
  open.set_num_envs(static_cast<uint32_t>(num_envs));
  open.set_num_groups(1);
  open.set_seed(request.seed());
  open.set_expected_spec_hash(SpecHash(options_.spec));
  *open.mutable_parameters() = request.parameters();
  EnvSession session(*channel, address, open, options_.spec, &signal_);
  EvaluationTally tally(options_.spec, request.episodes(), num_envs, steps_max);
  PlayOptions play;
  play.act = [this, &policy](const DecodedStep& step) -> absl::StatusOr<std::vector<float>> {
    NoteProgress();
    auto actions = runner_->RunDeterministic(policy, step.observation);
    if (!actions.ok()) return actions.status();
    return std::move(actions->sent);
  };
  play.cancelled = [this] { return Superseded(); };
  play.restarts_max = request.episodes();
  SceneOnlooker::Options watching;
  watching.channel = *channel;
  watching.seed = request.seed();
  watching.slots_max = 1;
  watching.steps_max = steps_max;
  watching.signal = &signal_;
  SceneReader reader;
  watching.on_message = [recording, &reader](int64_t, const v1::WatchResponse& message) {
    absl::Status status = reader.Read(message).status();
    if (status.ok()) recording->Add(message, reader);
    return status;
  };
  SceneOnlooker onlooker(std::move(watching));
  if (recording != nullptr) play.onlooker = &onlooker;
  const absl::Status status = PlayEpisodes(&session, play, &signal_, &tally);
  *opened = session.opened();
  if (!status.ok()) return status;
  for (const v1::Episode& episode : tally.episodes()) *result->add_episodes() = episode;
  return absl::OkStatus();
}

void Evaluator::Report(v1::EvaluationResult result) {
  using Call = UnaryCall<v1::EvaluationResult, v1::ReportEvaluationResponse>;
  Backoff backoff(options_.identity.incarnation);
  std::string why;
  int attempts = 0;
  while (attempts < kReportAttempts) {
    result.set_evaluation_id(current_id());
    Call call(learner_.get(), &v1::LearnerService::Stub::async_interface::ReportEvaluation, result,
              kReportTimeout, &signal_);
    const auto answer = call.Await([this] { return Superseded(); });
    if (!answer.has_value() || answer->ok()) return;
    ++attempts;
    why = std::string(answer->status().message());
    // Unless it has been requested again in the meantime.
    if (IsPermanentRefusal(answer->status()) && result.evaluation_id() == current_id()) break;
    const absl::Time next = SteadyTime() + backoff.Next();
    while (SteadyTime() < next) {
      if (Superseded()) return;
      signal_.WaitUntil(next);
    }
  }
  spdlog::warn("evaluation {} could not be reported, tried {} times: {}", result.evaluation_id(),
               attempts, why);
}

}  // namespace armature
