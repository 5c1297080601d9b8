#include "learner/training/learning_core.h"

#include <utility>

#include "learner/nn/state.h"

namespace armature {

absl::Status LearningCore::CheckFinite() {
  std::string found = algorithm().NonFiniteScalar();
  if (found.empty()) found = FindNonFinite(algorithm().State());
  return found.empty() ? absl::OkStatus() : absl::DataLossError(found);
}

NamedTensors LearningCore::State(bool with_experience) {
  NamedTensors state = algorithm().State();
  if (!with_experience) return state;
  for (auto& tensor : ExperienceState()) state.push_back(std::move(tensor));
  return state;
}

absl::Status LearningCore::LoadState(const std::map<std::string, at::Tensor>& state) {
  if (absl::Status status = LoadExperience(state); !status.ok()) return status;
  return algorithm().LoadState(state);
}

}  // namespace armature
