// What every algorithm has beside its equations: the policy, the normaliser of its
// observations, the generator of its draws, scalars, the number of gradient steps, and how
// all of this is saved and restored.
//
// An algorithm derives from TrainedPolicy<OffPolicyAlgorithm> or <OnPolicyAlgorithm>, adds
// its networks in Networks(), and writes Update.
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

// The gains of orthogonal and other initialisations, where the configuration gives none.
extern const double kHiddenGain;                   // sqrt(2): He et al. 2015, of ReLU.
inline constexpr double kPolicyOutputGain = 0.01;  // PPO: Engstrom et al. 2020, arXiv:2005.12729.

// Returns a network with zero weights. Returns InvalidArgument if `spec` is invalid or its head
// is none of `heads`: "`algorithm` needs `what`, not HEAD_...".
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
  // Takes raw observations [n, D] into the running normaliser, if there is one.
  void ObserveNew(const at::Tensor& observation);

 protected:
  // Draws come from `seed`; without `draws` there is no generator, nor one in the state.
  TrainedPolicy(std::unique_ptr<PolicyNetwork> policy, uint64_t seed, bool draws,
                const NetworkOptions& network);

  // What the algorithm trains beside the policy, with the optimisers' moments, by name.
  virtual NamedTensors Networks() const = 0;

  at::Generator& generator() { return *generator_; }
  // Draws the weights at the start, on the CPU: the same on every device.
  static at::Generator MakeInitializer(uint64_t seed);
  // Means of `names` that TakeScalars takes; a reference that stays valid.
  ScalarMeans& AddScalars(const std::vector<std::string>& names);
  // Counts a gradient step.
  void CountStep() { ++learner_steps_; }

 private:
  // The state without the generator's.
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
