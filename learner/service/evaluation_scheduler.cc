#include "learner/service/evaluation_scheduler.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/random/rng.h"
#include "common/rpc/protocol.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr absl::Duration kBackoffFirst = absl::Seconds(1);
constexpr absl::Duration kBackoffMax = absl::Seconds(30);
constexpr uint64_t kSeedStream = 0xe7a1;  // Differs from every training seed's.

}  // namespace

void EvaluationScheduler::SetBounds(const EpisodeBounds& bounds) {
  absl::MutexLock lock(&mutex_);
  bounds_ = bounds;
}

uint64_t EvaluationScheduler::AddEvaluator(ActorKey actor, std::weak_ptr<EventSink> sink) {
  absl::MutexLock lock(&mutex_);
  evaluators_[++last_evaluator_] = {std::move(actor), std::move(sink)};
  return last_evaluator_;
}

void EvaluationScheduler::RemoveEvaluator(uint64_t evaluator) {
  absl::MutexLock lock(&mutex_);
  if (open_ && open_->evaluator == evaluator) {
    // No wait needed: the next asking goes to another actor. Only info: actors leave when a run is
    // stopped, and whoever started one learns of its death.
    TakeBack(absl::InfinitePast(), "it disconnected", spdlog::level::info);
  }
  evaluators_.erase(evaluator);
}

bool EvaluationScheduler::Ask(uint64_t policy_version_min, uint64_t env_steps, bool records) {
  absl::MutexLock lock(&mutex_);
  if (open_ || outcome_) return false;
  Open open;
  open.policy_version_min = policy_version_min;
  open.env_steps = env_steps;
  open.records = records;
  open.patience = options_.timeout;
  open.not_before = absl::InfinitePast();
  open_ = open;
  return true;
}

bool EvaluationScheduler::Advance(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  if (!open_) return false;
  if (open_->evaluator != 0 && now >= open_->deadline) {
    TakeBack(now, absl::StrCat("it has been silent for ", absl::FormatDuration(open_->patience)));
    open_->patience = std::min(2 * open_->patience, std::max(kPatienceMax, options_.timeout));
  }
  if (open_->evaluator != 0 || now < open_->not_before || evaluators_.empty()) return false;
  auto next = evaluators_.upper_bound(last_asked_);
  if (next == evaluators_.end()) next = evaluators_.begin();
  last_asked_ = next->first;
  open_->evaluator = next->first;
  open_->askings.emplace_back(UnguessableId(), next->second.actor);
  if (open_->askings.size() > kAskingsMax) open_->askings.pop_front();
  open_->deadline = now + open_->patience;
  auto event = std::make_shared<v1::LearnerEvent>();
  v1::EvaluationRequest* request = event->mutable_evaluation();
  request->set_evaluation_id(open_->askings.back().first);
  request->set_policy_version_min(open_->policy_version_min);
  request->set_episodes(options_.episodes);
  request->set_num_envs(std::min(options_.num_envs, options_.episodes));
  request->set_episode_steps_max(options_.episode_steps_max);
  request->set_records(open_->records);
  request->mutable_parameters()->insert(options_.parameters.begin(), options_.parameters.end());
  request->set_seed(Rng({options_.seed, kSeedStream, open_->env_steps}).Bits());
  if (const std::shared_ptr<EventSink> sink = next->second.sink.lock()) sink->Send(event);
  return true;
}

absl::Time EvaluationScheduler::next_deadline() const {
  absl::MutexLock lock(&mutex_);
  if (!open_) return absl::InfiniteFuture();
  if (open_->evaluator != 0) return open_->deadline;
  return evaluators_.empty() ? absl::InfiniteFuture() : open_->not_before;
}

absl::Status EvaluationScheduler::Report(const v1::EvaluationResult& result, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const absl::Status not_open =
      absl::NotFoundError(absl::StrCat("evaluation ", result.evaluation_id(), " of ",
                                       result.handshake().peer_name(), " is not open (any more)"));
  if (!open_) return not_open;
  const Asking asking = FindAsking(KeyOf(result.handshake()), result.evaluation_id());
  if (asking == open_->askings.end()) return not_open;
  if (!result.error().empty()) {
    Fail(asking, now, result.error());
    return absl::OkStatus();
  }
  if (absl::Status status = Check(result); !status.ok()) {
    Fail(asking, now, std::string(status.message()));
    return status;
  }
  outcome_.emplace();
  outcome_->env_steps = open_->env_steps;
  outcome_->policy_version = result.policy_version();
  outcome_->episodes = result.episodes_size();
  outcome_->metric_means.resize(bounds_.metrics.size());
  for (const v1::Episode& episode : result.episodes()) {
    outcome_->return_mean += episode.return_sum() / result.episodes_size();
    outcome_->length_mean += 1.0 * episode.length() / result.episodes_size();
    outcome_->success_rate += episode.is_success() ? 1 : 0;
    outcome_->episodes_cut += episode.cut() ? 1 : 0;
    for (int i = 0; i < episode.metric_size(); ++i) {
      outcome_->metric_means[i] += static_cast<double>(episode.metric(i)) / result.episodes_size();
    }
  }
  outcome_->success_rate /= result.episodes_size();  // Exact when all succeeded.
  if (open_->records) {
    outcome_->recording = result.recording();
    outcome_->recording_problem = result.recording_problem();
  }
  last_got_on_ = now;
  open_.reset();
  return absl::OkStatus();
}

std::optional<EvaluationOutcome> EvaluationScheduler::TakeOutcome() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(outcome_, std::nullopt);
}

bool EvaluationScheduler::idle() const {
  absl::MutexLock lock(&mutex_);
  return !open_.has_value() && !outcome_.has_value();
}

std::string EvaluationScheduler::Waiting() const {
  absl::MutexLock lock(&mutex_);
  if (!open_) return "";
  if (open_->evaluator == 0) {
    return evaluators_.empty() ? "evaluation waits for an actor to connect"
                               : "evaluation waits to be asked for again after an error";
  }
  return absl::StrCat("evaluation waits for ", evaluators_.at(open_->evaluator).actor.first,
                      " to report ", options_.episodes, " episodes, and asks again after ",
                      absl::FormatDuration(open_->patience), " without progress (",
                      "evaluation.timeout_s=", absl::ToDoubleSeconds(options_.timeout), ")");
}

void EvaluationScheduler::GotOn(const ActorKey& actor, uint64_t evaluation_id, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  if (!open_) return;
  const Asking asking = FindAsking(actor, evaluation_id);
  if (asking == open_->askings.end()) return;
  last_got_on_ = now;
  if (IsCurrent(asking)) open_->deadline = now + open_->patience;
}

absl::Time EvaluationScheduler::last_got_on() const {
  absl::MutexLock lock(&mutex_);
  return last_got_on_;
}

uint64_t EvaluationScheduler::failures() const {
  absl::MutexLock lock(&mutex_);
  return failures_;
}

EvaluationScheduler::Asking EvaluationScheduler::FindAsking(const ActorKey& actor,
                                                            uint64_t evaluation_id) {
  return std::find(open_->askings.begin(), open_->askings.end(), std::pair(evaluation_id, actor));
}

bool EvaluationScheduler::IsCurrent(Asking asking) const {
  return open_->evaluator != 0 && std::next(asking) == open_->askings.end();
}

void EvaluationScheduler::Fail(Asking asking, absl::Time now, const std::string& why) {
  if (IsCurrent(asking)) TakeBack(now, why);
  open_->askings.erase(asking);
}

void EvaluationScheduler::TakeBack(absl::Time now, const std::string& why,
                                   spdlog::level::level_enum level) {
  spdlog::log(
      level, "evaluation at {} env steps by {} failed (time {}): {}; it will be asked for again",
      open_->env_steps, evaluators_.at(open_->evaluator).actor.first, open_->failures + 1, why);
  open_->evaluator = 0;
  open_->not_before =
      now + std::min(kBackoffMax, kBackoffFirst * (1 << std::min(open_->failures, 5)));
  ++open_->failures;
  ++failures_;
}

absl::Status EvaluationScheduler::Check(const v1::EvaluationResult& result) const {
  if (result.episodes_size() != options_.episodes) {
    return absl::InvalidArgumentError(absl::StrCat("episodes: ", result.episodes_size(), " came, ",
                                                   options_.episodes, " were asked for"));
  }
  if (result.policy_version() < open_->policy_version_min) {
    return absl::InvalidArgumentError(absl::StrCat("policy_version=", result.policy_version(),
                                                   " is older than the ", open_->policy_version_min,
                                                   " asked for"));
  }
  for (int i = 0; i < result.episodes_size(); ++i) {
    absl::Status status =
        CheckEpisode(bounds_, result.episodes(i), absl::StrCat("episodes[", i, "]"));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace armature
