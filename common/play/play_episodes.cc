#include "common/play/play_episodes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/sync/steady_time.h"

namespace armature {
namespace {

absl::Status Answer(EnvSession* session, const PlayOptions& options, const EvaluationTally& tally,
                    const DecodedStep& step) {
  if (tally.awaits_reset()) {
    session->Reset(step.group, /*seed=*/std::nullopt);
    return absl::OkStatus();
  }
  const absl::StatusOr<std::vector<float>> actions = options.act(step);
  if (actions.ok()) session->Act(step.group, *actions);
  return actions.status();
}

}  // namespace

absl::Status PlayEpisodes(EnvSession* session, const PlayOptions& options, WakeSignal* signal,
                          EvaluationTally* tally) {
  int64_t restarts = 0;
  std::optional<DecodedStep> shown;  // The step that the onlooker looks at.
  if (absl::Status status = options.onlooker->Begin(session); !status.ok()) return status;
  for (;;) {
    EnvSession::Received received = session->Poll(SteadyTime());
    for (DecodedStep& step : received.steps) {
      tally->OnStep(step);
      restarts += std::count(step.restarted.begin(), step.restarted.end(), 1);
      shown = std::move(step);
      if (absl::Status status = options.onlooker->OnStep(*shown); !status.ok()) return status;
    }
    if (received.ended.has_value()) return absl::UnavailableError(received.ended->message());
    if (shown.has_value()) {
      const absl::StatusOr<bool> seen = options.onlooker->HasSeen(received);
      if (!seen.ok()) return seen.status();
      if (*seen && tally->complete()) {
        if (options.on_last != nullptr) options.on_last(*shown);
        return absl::OkStatus();
      }
      if (*seen) {
        absl::Status status = Answer(session, options, *tally, *shown);
        if (!status.ok()) return status;
        shown.reset();
      }
    }
    if (restarts > options.restarts_max) {
      return absl::UnavailableError(absl::StrCat("env server ", session->address(), " replaced ",
                                                 restarts, " simulators, more than ",
                                                 options.restarts_max));
    }
    if (options.cancelled()) return absl::CancelledError();
    signal->WaitUntil(shown.has_value()
                          ? std::min(session->NextDeadline(), options.onlooker->NextDeadline())
                          : session->NextDeadline());
  }
}

}  // namespace armature
