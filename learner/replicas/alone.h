// learner.replicas=1: the run has this learner only.
//
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_REPLICAS_ALONE_H_
#define ARMATURE_LEARNER_REPLICAS_ALONE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "learner/replicas/replication.h"

namespace armature {

class Alone final : public Replication {
 public:
  absl::Status Begin(const ReplicaGroup::Identity&, Algorithm*) override {
    return absl::OkStatus();
  }
  absl::StatusOr<ReplicaGroup::Standing> Synchronize(uint64_t) override {
    return ReplicaGroup::Standing::kMember;
  }
  absl::Status AfterUpdate(uint64_t) override { return absl::OkStatus(); }
  void End(const std::string&) override {}
  void Stop() override {}
  bool leads_run() const override { return true; }
  bool makes_run_alone() const override { return true; }
  bool in_step() const override { return true; }
  uint64_t others_env_steps() const override { return 0; }
  absl::Time next_deadline() const override { return absl::InfiniteFuture(); }
  std::string Waiting() const override { return ""; }
  void set_on_wait(std::function<void(const std::string&)>) override {}
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_ALONE_H_
