// Keeps the ratio of sampled to inserted transitions: says which side may go on and why the other
// must wait. Based on Reverb's SampleToInsertRatio (Cassirer et al. 2021, arXiv:2102.04736).
//
// With i transitions inserted and s sampled so far, ratio r = samples_per_insert, m = size_min and
// band e = tolerance * m * r, the target is s = (i - m) r, and
//   CanInsert(n):  i + n <= m   or   (i + n - m) r - s <= e
//   CanSample(b):  i >= m      and   (i - m) r - (s + b) >= -e
// Both are never refused at once if 2 e >= n r + b, which RunConfig::Validate ensures with e >= n r
// and e >= b.
//
// Pure accounting: no threads, no waits.
// Thread safety: none; the owner locks.
#ifndef ARMATURE_LEARNER_REPLAY_SAMPLES_PER_INSERT_LIMITER_H_
#define ARMATURE_LEARNER_REPLAY_SAMPLES_PER_INSERT_LIMITER_H_

#include <cstdint>
#include <string>

namespace armature {

class SamplesPerInsertLimiter {
 public:
  struct Options {
    double samples_per_insert = 1;  // > 0
    int64_t size_min = 1;           // >= 1
    double tolerance = 0.1;         // > 0
  };
  explicit SamplesPerInsertLimiter(const Options& options);

  bool CanInsert(int64_t transitions) const;
  bool CanSample(int64_t transitions) const;

  // Count what was done. The caller must check first that it is allowed.
  void CountInsert(int64_t transitions) { inserted_ += transitions; }
  void CountSample(int64_t transitions) { sampled_ += transitions; }

  // Why this side must wait, in one sentence with the numbers; empty if it need not.
  std::string WhyNoInsert(int64_t transitions) const;
  std::string WhyNoSample(int64_t transitions) const;

  int64_t inserted() const { return inserted_; }
  int64_t sampled() const { return sampled_; }
  // Continues from a checkpoint's counts. Counts beyond the band mean that the options changed;
  // then both sides start level, as one could otherwise wait for as long as the run has lasted. If
  // size_min is not reached (again), nothing counts as sampled yet.
  void Restore(int64_t inserted, int64_t sampled);

 private:
  // (i + inserted - m) r - (s + sampled): how far inserting is ahead of the target.
  double LeadAfter(int64_t inserted, int64_t sampled) const;

  const Options options_;
  const double band_;
  int64_t inserted_ = 0;
  int64_t sampled_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_SAMPLES_PER_INSERT_LIMITER_H_
