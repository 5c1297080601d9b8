// Off-policy collection: every group steps freely. A batch is sent when it is full or its oldest
// transition is kFlushAfter old. If every step was void, a batch without transitions is sent, so
// that the learner hears of it.
//
// Bounds: no group acts while the learner accepts no more batches.
// Thread safety: compatible.
#ifndef ARMATURE_ACTOR_COLLECT_TRANSITION_COLLECTOR_H_
#define ARMATURE_ACTOR_COLLECT_TRANSITION_COLLECTOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "actor/collect/action_source.h"
#include "actor/collect/collector.h"
#include "actor/collect/transition_buffer.h"
#include "actor/collect/transition_cutter.h"
#include "common/spec/env_spec.h"

namespace armature {

class TransitionCollector final : public Collector {
 public:
  static constexpr absl::Duration kFlushAfter = absl::Milliseconds(50);

  TransitionCollector(const std::vector<Group>& groups, const EnvSpec& env,
                      const std::shared_ptr<const ActionSource>& actions,
                      int64_t transitions_per_batch);

  bool PrepareToAct(size_t group, uint64_t policy_version, int64_t room) override;
  void OnActions(size_t group, const GroupActions& actions) override;
  std::vector<v1::ExperienceBatch> Take(int64_t room, absl::Time now) override;
  std::vector<v1::ExperienceBatch> Flush() override;
  absl::Time NextDeadline() const override;

 private:
  void Cut(size_t group, const DecodedStep& step, absl::Time now) override;
  v1::ExperienceBatch TakeBatch();
  bool has_content() const { return buffer_.size() > 0 || has_void_steps(); }

  const int64_t transitions_per_batch_;
  std::vector<TransitionCutter> cutters_;
  TransitionBuffer buffer_;
  // When buffered content must be sent; infinite if there is none.
  absl::Time due_ = absl::InfiniteFuture();
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_COLLECT_TRANSITION_COLLECTOR_H_
