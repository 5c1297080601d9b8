// Proportional prioritised sampling (Schaul et al. 2016, arXiv:1511.05952).
//
//   p_i =
// error_i
//  + epsilon;  P(i) = p_i^alpha / sum_k p_k^alpha
//   w_i = (N P(i))^-beta / max_j w_j, over the batch;
//   beta rises linearly from `beta` to 1 over the run.
// N is the number of steps held. A new step gets the largest p so far, or 1 if there is none. Draws
// are independent, not stratified as in the paper, so a step's place in the batch means nothing and
// hindsight may take the first places.
// Cost: O(log capacity) per draw or error; 16 bytes per row.
// Thread safety: none.
#ifndef ARMATURE_LEARNER_REPLAY_PRIORITIZED_SAMPLER_H_
#define ARMATURE_LEARNER_REPLAY_PRIORITIZED_SAMPLER_H_

#include "absl/status/status.h"
#include "learner/replay/row_sampler.h"
#include "learner/replay/sum_tree.h"

namespace armature {

class PrioritizedSampler : public RowSampler {
 public:
  static constexpr int64_t kBytesPerRow = 2 * sizeof(double);  // Of the sum tree.

  // Defaults: the paper's values for the proportional variant.
  struct Options {
    double alpha = 0.6;     // In [0, 1]; 0: uniform.
    double beta = 0.4;      // In [0, 1], at the start of the run.
    double epsilon = 1e-6;  // > 0
    // Returns InvalidArgument naming a value out of range.
    absl::Status Validate() const;
  };
  // `links` must outlive this.
  PrioritizedSampler(const Options& options, const EpisodeLinks* links);

  void Add(int64_t row) override;
  void Remove(int64_t row) override;
  void Draw(double progress, ReplayRandom* random, absl::Span<int64_t> rows,
            absl::Span<float> weights) override;
  void SetError(int64_t row, double error) override;
  std::string Describe() const override;
  // "replay.priority" float64 [rows]: p^alpha, or 0 for rows without a step; and
  // "replay.priority_max" float64 [].
  NamedTensors State() const override;
  absl::Status Check(const std::map<std::string, at::Tensor>& state,
                     const EpisodeLinks::Saved& links) const override;
  void Load(const std::map<std::string, at::Tensor>& state) override;

  double priority(int64_t row) const { return tree_.weight(row); }

 private:
  const Options options_;
  const EpisodeLinks* const links_;
  SumTree tree_;               // p^alpha
  double priority_max_ = 1.0;  // The largest p^alpha so far.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_PRIORITIZED_SAMPLER_H_
