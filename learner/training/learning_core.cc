#include "learner/training/learning_core.h"

#include "ATen/ATen.h"
#include "learner/nn/state.h"

namespace armature {

absl::Status LearningCore::CheckFinite() {
  std::string found = algorithm().NonFiniteScalar();
  if (found.empty()) found = FindNonFinite(algorithm().State());
  return found.empty() ? absl::OkStatus() : absl::DataLossError(found);
}

LearningCore::Snapshot LearningCore::TakeSnapshot(bool with_experience) {
  Snapshot snapshot = with_experience ? SnapshotExperience() : Snapshot();
  for (const auto& [name, tensor] : algorithm().State()) {
    snapshot.state.emplace_back(name, tensor.detach().to(at::kCPU, /*non_blocking=*/false,
                                                         /*copy=*/true));
  }
  return snapshot;
}

absl::Status LearningCore::LoadState(const std::map<std::string, at::Tensor>& state) {
  if (absl::Status status = LoadExperience(state); !status.ok()) return status;
  return algorithm().LoadState(state);
}

}  // namespace armature
