// Samples all steps equally; all weights are 1.
//
// Draws rows until one holds a step. At most every second row holds none, apart from the oldest,
// whose steps may have been overwritten. So two draws per row suffice on average, even if every
// episode has one step.
#ifndef ARMATURE_LEARNER_REPLAY_UNIFORM_SAMPLER_H_
#define ARMATURE_LEARNER_REPLAY_UNIFORM_SAMPLER_H_

#include "learner/replay/row_sampler.h"

namespace armature {

class UniformSampler : public RowSampler {
 public:
  static constexpr int64_t kBytesPerRow = 0;

  // `links` must outlive this.
  explicit UniformSampler(const EpisodeLinks* links) : links_(links) {}

  void Add(int64_t) override {}
  void Remove(int64_t) override {}
  void Draw(double, ReplayRandom* random, absl::Span<int64_t> rows,
            absl::Span<float> weights) override {
    for (int64_t& row : rows) {
      do {
        row = random->Index(links_->rows());
      } while (!links_->HoldsStep(row));
    }
    for (float& weight : weights) weight = 1;
  }
  void SetError(int64_t, double) override {}
  std::string Describe() const override { return "uniform"; }
  NamedTensors State() const override { return {}; }
  absl::Status Check(const std::map<std::string, at::Tensor>&,
                     const EpisodeLinks::Saved&) const override {
    return absl::OkStatus();
  }
  void Load(const std::map<std::string, at::Tensor>&) override {}

 private:
  const EpisodeLinks* const links_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_UNIFORM_SAMPLER_H_
