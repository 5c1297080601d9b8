// Prints the episode of slot 0 of each session, step by step: the first kRowsMax steps and the last
// one.
//
// Data flow: PlaySeries's on_step -> StepTable -> lines.
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_VERBS_EPISODE_PRINTER_H_
#define ARMATURE_DEPLOY_VERBS_EPISODE_PRINTER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/env_client/step_decoder.h"
#include "common/spec/env_spec.h"
#include "deploy/verbs/step_table.h"
#include "proto/learner_service.pb.h"

namespace armature {

class EpisodePrinter {
 public:
  using Print = std::function<void(const std::string& line)>;

  static constexpr int64_t kRowsMax = 1000;

  // `width` as in StepTable. Prints at most `sessions_max` sessions. Episodes are cut after
  // `steps_max` steps; 0: never.
  EpisodePrinter(const EnvSpec& spec, int64_t width, int64_t sessions_max, int64_t steps_max,
                 Print print);

  // Use it as EpisodeSeriesOptions::on_step.
  void OnStep(const DecodedStep& step, absl::Span<const float> actions);

 private:
  const StepTable table_;
  const int64_t observation_size_;
  const int64_t action_size_;
  const Print print_;
  const int64_t steps_max_;
  int64_t sessions_left_;
  int64_t length_ = 0;  // Of the current episode.
  bool printing_ = false;
  std::vector<float> action_;  // The action before the next step.
};

// Prints how each episode went, in a line on stdout. Use it as EpisodeSeriesOptions::on_progress.
class EpisodeLines {
 public:
  void operator()(absl::Span<const v1::Episode> ended);

 private:
  size_t printed_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_EPISODE_PRINTER_H_
