#include "learner/training/evaluation_judge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

// An evaluating actor uses the newest policy when it gets the request; this many policies are kept
// while the request is on its way.
constexpr size_t kCandidatesMax = 64;
// The run ends without a final evaluation if none has made progress for this many times
// evaluation.timeout_s, and for at least kFinalSilenceMin.
constexpr int kFinalTimeouts = 3;
constexpr absl::Duration kFinalSilenceMin = absl::Minutes(1);

}  // namespace

std::string EpisodeLengthWarning(const EvaluationSection& settings, const EnvSpec& env) {
  if (env.horizon > 0 || settings.every_env_steps == 0) return "";
  if (settings.episode_steps_max == 0) {
    return absl::StrCat(env.id,
                        " has no time limit and evaluation.episode_steps_max is 0: an evaluation "
                        "whose episodes do not end by themselves never ends; set the key, or give "
                        "the environment a time limit");
  }
  return absl::StrCat(env.id, " has no time limit: evaluated episodes are cut after ",
                      settings.episode_steps_max,
                      " steps (evaluation.episode_steps_max) and count with what they have, and "
                      "training's are counted only where they end by themselves");
}

EvaluationJudge::EvaluationJudge(const EvaluationSection& settings, int64_t video_every,
                                 EvaluationScheduler* scheduler)
    : settings_(settings),
      video_every_(video_every),
      scheduler_(scheduler),
      next_env_steps_(settings.every_env_steps) {}

void EvaluationJudge::GoOnFrom(uint64_t env_steps) {
  const uint64_t every = settings_.every_env_steps;
  if (every > 0) next_env_steps_ = (env_steps / every + 1) * every;
}

void EvaluationJudge::OnPublished(SharedEvent policy) {
  newest_ = std::move(policy);
  if (!candidates_.empty() && candidates_.size() < candidates_max_) {
    candidates_[newest_->policy().version()] = newest_;
  }
}

void EvaluationJudge::AskIfDue(uint64_t env_steps) {
  if (settings_.every_env_steps == 0 || newest_ == nullptr || env_steps < next_env_steps_) return;
  // Any evaluation may turn out to be the last.
  if (scheduler_->Ask(newest_->policy().version(), env_steps, video_every_ > 0)) {
    GoOnFrom(env_steps);
  }
}

void EvaluationJudge::AskFinal(uint64_t env_steps, absl::Time now) {
  final_asked_ = now;
  // If this returns false, one is running; Take asks for the final one afterwards.
  scheduler_->Ask(newest_->policy().version(), env_steps, video_every_ > 0);
}

absl::Time EvaluationJudge::final_deadline() const {
  if (!final_asked_) return absl::InfiniteFuture();
  return std::max(*final_asked_, scheduler_->last_got_on()) +
         std::max(kFinalSilenceMin, kFinalTimeouts * absl::Seconds(settings_.timeout_s));
}

void EvaluationJudge::HandOut(absl::Time now) {
  if (!scheduler_->Advance(now)) return;
  // Actors asked earlier may still report.
  while (candidates_.size() >= kCandidatesMax) candidates_.erase(candidates_.begin());
  candidates_max_ = candidates_.size() + kCandidatesMax;
  candidates_[newest_->policy().version()] = newest_;
}

std::optional<Judgement> EvaluationJudge::Take(bool reports_success, uint64_t env_steps) {
  std::optional<EvaluationOutcome> outcome = scheduler_->TakeOutcome();
  if (!outcome) return std::nullopt;
  Judgement judgement;
  judgement.outcome = *outcome;
  judgement.summary = absl::StrFormat(
      "evaluation at %d env steps: policy %d, return %.4g%s over %d episodes%s", outcome->env_steps,
      outcome->policy_version, outcome->return_mean,
      reports_success ? absl::StrFormat(", success rate %.3g", outcome->success_rate) : "",
      outcome->episodes,
      outcome->episodes_cut > 0
          ? absl::StrFormat(", %d of them cut after %d steps (evaluation.episode_steps_max)",
                            outcome->episodes_cut, settings_.episode_steps_max)
          : "");
  const auto evaluated = candidates_.find(outcome->policy_version);
  if (evaluated != candidates_.end()) judgement.policy = evaluated->second;
  candidates_.clear();

  const bool reached = ReachesTarget(*outcome, reports_success);
  if (reached && judgement.policy == nullptr) {
    spdlog::warn("policy {} was replaced before its evaluation ended; the next one decides",
                 outcome->policy_version);
    next_env_steps_ = env_steps;
  }
  judgement.solved = reached && judgement.policy != nullptr;
  const bool is_final = final_asked_.has_value();
  judgement.is_last =
      judgement.solved || (is_final && outcome->policy_version >= newest_->policy().version());
  // Counted by env steps, so that a resumed run films the same ones.
  const uint64_t every = settings_.every_env_steps;
  const bool is_due = every > 0 && video_every_ > 0 &&
                      outcome->env_steps / every % static_cast<uint64_t>(video_every_) == 0;
  judgement.is_filmed = video_every_ > 0 && (is_due || judgement.is_last);
  if (is_final && !judgement.is_last) {
    scheduler_->Ask(newest_->policy().version(), env_steps, video_every_ > 0);
  }
  return judgement;
}

bool EvaluationJudge::ReachesTarget(const EvaluationOutcome& outcome, bool reports_success) const {
  return (settings_.stop_at_success_rate > 0 && reports_success &&
          outcome.success_rate >= settings_.stop_at_success_rate) ||
         (settings_.stop_at_return_enabled && outcome.return_mean >= settings_.stop_at_return);
}

}  // namespace armature
