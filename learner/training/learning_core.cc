#include "learner/training/learning_core.h"

#include "learner/nn/state.h"

namespace armature {

absl::Status LearningCore::CheckFinite() {
  std::string found = algorithm().NonFiniteScalar();
  if (found.empty()) found = FindNonFinite(algorithm().State());
  return found.empty() ? absl::OkStatus() : absl::DataLossError(found);
}

}  // namespace armature
