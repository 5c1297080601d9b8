// What all algorithms share besides their equations: the policy, the observation normaliser, the
// random generator, scalars, the number of gradient steps, and saving and restoring all of these.
//
// An algorithm derives from TrainedPolicy<OffPolicyAlgorithm> or <OnPolicyAlgorithm>, lists its
// networks in Networks(), and implements Update.
// Thread safety: none; one trainer thread.
#ifndef ARMATURE_LEARNER_ALGORITHMS_TRAINED_POLICY_H_
#define ARMATURE_LEARNER_ALGORITHMS_TRAINED_POLICY_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "common/policy/policy_network.h"
#include "learner/algorithms/algorithm.h"
#include "learner/nn/network_options.h"
#include "learner/nn/running_normalizer.h"
#include "learner/nn/scalar_means.h"
#include "proto/learner_service.pb.h"

namespace armature {

// Gains for initial weights (orthogonal and others) if the configuration gives none.
extern const double kHiddenGain;                   // sqrt(2), for ReLU: He et al. 2015.
inline constexpr double kPolicyOutputGain = 0.01;  // PPO: Engstrom et al. 2020, arXiv:2005.12729.

// Returns a network with zero weights. Returns InvalidArgument if `spec` is invalid or its head
// is not in `heads`: "`algorithm` needs `what`, not HEAD_...".
absl::StatusOr<std::unique_ptr<PolicyNetwork>> MakePolicy(
    const v1::PolicySpec& spec, c10::Device device, const std::string& algorithm,
    const std::string& what, const std::vector<v1::PolicySpec::Head>& heads);

template <typename Interface>
class TrainedPolicy : public Interface {
 public:
  const PolicyNetwork& policy() const final { return *policy_; }
  int64_t learner_steps() const final { return learner_steps_; }
  Scalars TakeScalars() final;
  std::string NonFiniteScalar() const final;
  NamedTensors State() const final;
  absl::Status LoadState(const std::map<std::string, at::Tensor>& state) final;
  // Adds raw observations [n, D] to the running normaliser, if there is one.
  void ObserveNew(const at::Tensor& observation);

 protected:
  // Seeds the generator with `seed`. Without `draws` there is no generator, also not in the state.
  TrainedPolicy(std::unique_ptr<PolicyNetwork> policy, uint64_t seed, bool draws,
                const NetworkOptions& network);

  // What the algorithm trains besides the policy, with the optimisers' moments, by name.
  virtual NamedTensors Networks() const = 0;

  at::Generator& generator() { return *generator_; }
  // Draws the initial weights. It is on the CPU, so that every device gets the same weights.
  static at::Generator MakeInitializer(uint64_t seed);
  // Adds scalars that TakeScalars will return. The returned reference stays valid.
  ScalarMeans& AddScalars(const std::vector<std::string>& names);
  // Counts a gradient step.
  void CountStep() { ++learner_steps_; }

 private:
  // The state without the generator.
  NamedTensors Learned() const;

  const std::unique_ptr<PolicyNetwork> policy_;
  std::optional<at::Generator> generator_;
  std::optional<RunningNormalizer> normalizer_;
  std::deque<ScalarMeans> scalars_;
  int64_t learner_steps_ = 0;
};

extern template class TrainedPolicy<OffPolicyAlgorithm>;
extern template class TrainedPolicy<OnPolicyAlgorithm>;

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_TRAINED_POLICY_H_
