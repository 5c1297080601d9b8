#include "deploy/verbs/episode_printer.h"

#include <iostream>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace armature {
namespace {

std::string Ended(const DecodedStep& step) {
  std::vector<std::string> words;
  if (step.restarted[0] != 0) words.push_back("simulator replaced");
  if (step.terminated[0] != 0) words.push_back("terminated");
  if (step.truncated[0] != 0) words.push_back("truncated");
  if (step.is_success[0] != 0) words.push_back("success");
  return absl::StrJoin(words, " ");
}

}  // namespace

EpisodePrinter::EpisodePrinter(const EnvSpec& spec, int64_t width, int64_t sessions_max,
                               int64_t steps_max, Print print)
    : table_(spec, width),
      observation_size_(spec.observation_size()),
      action_size_(spec.action.size()),
      print_(std::move(print)),
      steps_max_(steps_max),
      sessions_left_(sessions_max) {}

void EpisodePrinter::OnStep(const DecodedStep& step, absl::Span<const float> actions) {
  if (step.step == 0 && sessions_left_ > 0) {
    --sessions_left_;
    printing_ = true;
    print_(table_.Header());
  }
  if (!printing_) return;
  length_ = step.step == 0 || step.restarted[0] != 0 ? 0 : length_ + 1;
  const bool cut = !step.ended(0) && steps_max_ > 0 && length_ >= steps_max_;
  const bool over = step.ended(0) || cut;
  if (length_ <= kRowsMax || over) {
    // If slot 0 ended, its final observation is the first row.
    const std::vector<float>& rows = step.ended(0) ? step.final_observation : step.observation;
    print_(table_.Row(step.step, step.reward[0], action_,
                      absl::MakeConstSpan(rows).subspan(0, observation_size_),
                      cut ? "cut" : Ended(step)));
  } else if (length_ == kRowsMax + 1) {
    print_("  ...");
  }
  action_.clear();
  if (over) {
    printing_ = false;  // The slot's later steps do not count.
  } else if (!actions.empty()) {
    action_.assign(actions.begin(), actions.begin() + action_size_);
  }
}

void EpisodeLines::operator()(absl::Span<const v1::Episode> ended) {
  for (; printed_ < ended.size(); ++printed_) {
    const v1::Episode& episode = ended[printed_];
    std::cout << absl::StrFormat("episode %d: return %.4g, %d steps%s%s", printed_,
                                 episode.return_sum(), episode.length(),
                                 episode.is_success() ? ", success" : "",
                                 episode.cut() ? ", cut (see --max_steps)" : "")
              << std::endl;
  }
}

}  // namespace armature
