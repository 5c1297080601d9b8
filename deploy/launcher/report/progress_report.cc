#include "deploy/launcher/report/progress_report.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace armature {

std::string WithCommas(uint64_t number) {
  std::string text = absl::StrCat(number);
  for (int i = static_cast<int>(text.size()) - 3; i > 0; i -= 3) text.insert(i, ",");
  return text;
}

namespace {

// For example " (12/s)".
std::string Rate(uint64_t now, uint64_t before, absl::Duration elapsed) {
  // A restarted learner may have gone back.
  const double steps = now > before ? static_cast<double>(now - before) : 0;
  return absl::StrFormat(" (%.0f/s)", steps / std::max(absl::ToDoubleSeconds(elapsed), 1e-3));
}

// For example "45 s", "12 min" or "3 h 05 min".
std::string About(double seconds) {
  const auto minutes = static_cast<int64_t>(seconds / 60);
  if (minutes < 1) return absl::StrFormat("%.0f s", seconds);
  if (minutes < 60) return absl::StrFormat("%d min", minutes);
  return absl::StrFormat("%s h %02d min", WithCommas(minutes / 60), minutes % 60);
}

// Reward terms in a row, for example "  terms forward 12.5, effort -3.1"; empty if there are none.
std::string Terms(const v1::StatusResponse& status) {
  constexpr absl::string_view kPrefix = "reward/";
  std::vector<std::string> terms;
  for (const v1::MetricMean& metric : status.metric()) {
    absl::string_view name = metric.name();
    if (!absl::ConsumePrefix(&name, kPrefix)) continue;
    terms.push_back(absl::StrFormat("%s %.2f", name, metric.mean()));
  }
  return terms.empty() ? "" : absl::StrCat("  terms ", absl::StrJoin(terms, ", "));
}

}  // namespace

std::string ProgressReport::Budget(absl::Time now) {
  const auto total = static_cast<double>(env_steps_total_);
  const double made = std::min(total, static_cast<double>(env_steps_));
  pace_.Observe(made, absl::ToDoubleSeconds(now - start_));
  const double left_s = pace_.SecondsFor(total - made);
  return absl::StrFormat("%.0f%% of %s%s", std::floor(100 * made / total),
                         WithCommas(env_steps_total_),
                         std::isfinite(left_s) ? absl::StrCat(", ", About(left_s), " left") : "");
}

std::string ProgressReport::Line(const absl::StatusOr<v1::StatusResponse>& status, absl::Time now) {
  const bool moved = status.ok() && (status->env_steps() != env_steps_ ||
                                     status->learner_steps() != learner_steps_);
  if (moved) last_moved_ = now;
  const absl::Duration still = now - last_moved_;
  stalled_ = still >= kStallAfter;
  const std::string still_text =
      absl::StrFormat("nothing moves for %.0f s: ", absl::ToDoubleSeconds(still));
  if (!status.ok()) {
    return absl::StrCat(stalled_ ? still_text : "",
                        "the learner does not answer: ", status.status().message());
  }
  const absl::Duration elapsed = now - last_time_;
  // The first answer may be from a resumed run, which has no rates yet.
  const std::string env_rate = has_last_ ? Rate(status->env_steps(), env_steps_, elapsed) : "";
  const std::string rate = has_last_ ? Rate(status->learner_steps(), learner_steps_, elapsed) : "";
  has_last_ = true;
  last_time_ = now;
  env_steps_ = status->env_steps();
  learner_steps_ = status->learner_steps();
  const std::string budget = Budget(now);
  if (stalled_) return absl::StrCat(still_text, status->waiting());

  std::string line = absl::StrCat(WithCommas(env_steps_), " env steps", env_rate, "  ", budget,
                                  "  ", WithCommas(learner_steps_), " updates", rate, "  policy ",
                                  status->policy_version());
  if (!std::isnan(status->policy_lag_mean())) {
    absl::StrAppendFormat(&line, " (lag %.1f)", status->policy_lag_mean());
  }
  if (!std::isnan(status->episode_return_mean())) {
    absl::StrAppendFormat(&line, "  return %.2f", status->episode_return_mean());
  }
  if (!std::isnan(status->success_rate())) {
    absl::StrAppendFormat(&line, "  success %.2f", status->success_rate());
  }
  if (status->replay_fill_ratio() > 0) {
    absl::StrAppendFormat(&line, "  replay %.0f%%", 100 * status->replay_fill_ratio());
  }
  if (!std::isnan(status->evaluation_return_mean())) {
    absl::StrAppendFormat(&line, "  evaluation %.2f", status->evaluation_return_mean());
    if (!std::isnan(status->evaluation_success_rate())) {
      absl::StrAppendFormat(&line, " success %.2f", status->evaluation_success_rate());
    }
  }
  absl::StrAppend(&line, Terms(*status));  // Last: a narrow terminal cuts them off.
  return line;
}

std::string ProgressReport::Line(const std::vector<absl::StatusOr<v1::StatusResponse>>& replicas,
                                 absl::Time now) {
  if (replicas.size() == 1) return Line(replicas[0], now);
  replica_env_steps_.resize(replicas.size());
  absl::StatusOr<v1::StatusResponse> run = replicas[0];
  uint64_t sum = 0;
  std::vector<std::string> each;
  for (size_t i = 0; i < replicas.size(); ++i) {
    if (replicas[i].ok()) replica_env_steps_[i] = replicas[i]->env_steps();
    sum += replica_env_steps_[i];
    each.push_back(absl::StrCat(WithCommas(replica_env_steps_[i]),
                                replicas[i].ok() ? "" : " (does not answer)"));
  }
  if (run.ok()) run->set_env_steps(sum);
  return absl::StrCat(Line(run, now), "  replicas ", absl::StrJoin(each, " + "));
}

}  // namespace armature
