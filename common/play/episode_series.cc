#include "common/play/episode_series.h"

#include <algorithm>

#include "common/env_client/env_session.h"
#include "common/play/evaluation_tally.h"
#include "common/play/play_episodes.h"
#include "common/rpc/protocol.h"

namespace armature {
namespace {

std::vector<v1::Episode> Joined(const std::vector<v1::Episode>& before,
                                const EvaluationTally& tally) {
  std::vector<v1::Episode> all = before;
  const std::vector<v1::Episode> latest = tally.episodes();
  all.insert(all.end(), latest.begin(), latest.end());
  return all;
}

// Plays one session: episodes `first` .. first + num_slots - 1.
absl::Status PlayChunk(const EpisodeSeriesOptions& options, uint64_t incarnation, int64_t first,
                       int64_t num_slots, SlotPlayer* player, WakeSignal* signal,
                       std::vector<v1::Episode>* episodes) {
  if (absl::Status status = player->Begin(first, num_slots); !status.ok()) return status;
  v1::OpenSession open;
  open.set_renders(options.spec.render.has_value());
  *open.mutable_handshake() = MakeHandshake(options.client, incarnation, "");
  open.set_env_id(options.spec.id);
  open.mutable_env_config()->insert(options.env_config.begin(), options.env_config.end());
  open.set_num_envs(static_cast<uint32_t>(num_slots));
  open.set_num_groups(1);
  open.set_seed(options.seed);
  open.set_first_slot(static_cast<uint64_t>(first));
  open.set_expected_spec_hash(SpecHash(options.spec));
  open.mutable_parameters()->insert(options.parameters.begin(), options.parameters.end());
  EnvSession session(options.channel, options.address, open, options.spec, signal);
  EvaluationTally tally(options.spec, num_slots, num_slots, options.steps_max);
  PlayOptions play;
  int64_t missing = num_slots;
  play.act = [&](const DecodedStep& step) {
    if (options.on_progress != nullptr && tally.missing() < missing) {
      options.on_progress(Joined(*episodes, tally));
    }
    missing = tally.missing();
    absl::StatusOr<std::vector<float>> actions = player->Act(step.observation);
    if (actions.ok() && options.on_step != nullptr) options.on_step(step, *actions);
    return actions;
  };
  play.cancelled = options.cancelled;
  play.onlooker = options.onlooker;
  play.restarts_max = options.episodes;
  if (options.on_step != nullptr) {
    play.on_last = [&](const DecodedStep& step) { options.on_step(step, {}); };
  }
  const absl::Status status = PlayEpisodes(&session, play, signal, &tally);
  *episodes = Joined(*episodes, tally);
  if (status.ok() && options.on_progress != nullptr) options.on_progress(*episodes);
  return status;
}

}  // namespace

absl::Status PlaySeries(const EpisodeSeriesOptions& options, SlotPlayer* player, WakeSignal* signal,
                        std::vector<v1::Episode>* episodes) {
  episodes->clear();
  const uint64_t incarnation = NewIncarnation();
  for (int64_t first = 0; first < options.episodes; first += options.num_envs) {
    const int64_t num_slots = std::min(options.num_envs, options.episodes - first);
    const absl::Status status =
        PlayChunk(options, incarnation, first, num_slots, player, signal, episodes);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace armature
