#include "learner/algorithms/trained_policy.h"

#include <cmath>
#include <utility>

#include "ATen/ATen.h"
#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "common/policy/generator.h"
#include "common/random/rng.h"
#include "learner/nn/state.h"

namespace armature {

const double kHiddenGain = std::sqrt(2.0);

absl::StatusOr<std::unique_ptr<PolicyNetwork>> MakePolicy(
    const v1::PolicySpec& spec, c10::Device device, const std::string& algorithm,
    const std::string& what, const std::vector<v1::PolicySpec::Head>& heads) {
  if (!absl::c_linear_search(heads, spec.head())) {
    return absl::InvalidArgumentError(
        absl::StrCat(algorithm, " needs ", what, ", not ", v1::PolicySpec::Head_Name(spec.head())));
  }
  return PolicyNetwork::Create(spec, device);
}

template <typename Interface>
TrainedPolicy<Interface>::TrainedPolicy(std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
                                        bool draws, const NetworkOptions& network)
    : policy_(std::move(policy)) {
  if (draws) generator_ = MakeGenerator(policy_->device(), Rng({seed, 1}).Bits());
  if (policy_->spec().normalize_observation()) normalizer_.emplace(*policy_, network.goals);
}

template <typename Interface>
at::Generator TrainedPolicy<Interface>::MakeInitializer(uint64_t seed) {
  return MakeGenerator(c10::kCPU, Rng({seed, 0}).Bits());
}

template <typename Interface>
ScalarMeans& TrainedPolicy<Interface>::AddScalars(const std::vector<std::string>& names) {
  return scalars_.emplace_back(names, policy_->device());
}

template <typename Interface>
void TrainedPolicy<Interface>::ObserveNew(const at::Tensor& observation) {
  if (normalizer_) normalizer_->Observe(observation);
}

template <typename Interface>
Scalars TrainedPolicy<Interface>::TakeScalars() {
  Scalars scalars;
  for (ScalarMeans& means : scalars_) means.Take(&scalars);
  return scalars;
}

template <typename Interface>
std::string TrainedPolicy<Interface>::NonFiniteScalar() const {
  for (const ScalarMeans& means : scalars_) {
    if (std::string found = means.NonFinite(); !found.empty()) return found;
  }
  return "";
}

template <typename Interface>
NamedTensors TrainedPolicy<Interface>::Learned() const {
  NamedTensors state = policy_->tensors();
  Append(Networks(), &state);
  if (normalizer_) Append(normalizer_->State(), &state);
  state.emplace_back("learner_steps", at::scalar_tensor(learner_steps_, at::kLong));
  return state;
}

template <typename Interface>
NamedTensors TrainedPolicy<Interface>::State() const {
  NamedTensors state = Learned();
  if (generator_) AppendGenerator(*generator_, &state);
  return state;
}

template <typename Interface>
absl::Status TrainedPolicy<Interface>::LoadState(const std::map<std::string, at::Tensor>& state) {
  if (absl::Status status = CopyState(state, Learned()); !status.ok()) return status;
  learner_steps_ = state.at("learner_steps").item<int64_t>();
  if (generator_) LoadGenerator(state, learner_steps_, &*generator_);
  if (normalizer_) normalizer_->Republish();
  return absl::OkStatus();
}

template class TrainedPolicy<OffPolicyAlgorithm>;
template class TrainedPolicy<OnPolicyAlgorithm>;

}  // namespace armature
