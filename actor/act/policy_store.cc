#include "actor/act/policy_store.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "common/policy/policy_network.h"
#include "common/policy/policy_wire.h"

namespace armature {

absl::StatusOr<std::unique_ptr<PolicyStore>> PolicyStore::Create(
    const v1::PolicySpec& spec, c10::Device device,
    const std::map<std::string, double>& parameters) {
  auto network = PolicyNetwork::Create(spec, device);
  if (!network.ok()) return network.status();
  return absl::WrapUnique(new PolicyStore(spec, device, parameters));
}

PolicyStore::PolicyStore(const v1::PolicySpec& spec, c10::Device device,
                         const std::map<std::string, double>& parameters)
    : spec_(spec), device_(device) {
  newest_.parameters = parameters;
}

absl::Status PolicyStore::Apply(const v1::PolicyUpdate& update, uint64_t learner_incarnation) {
  auto tensors = DecodePolicy(update);
  if (!tensors.ok()) return tensors.status();
  auto network = PolicyNetwork::Create(spec_, device_);
  if (!network.ok()) return network.status();
  if (absl::Status status = (*network)->Load(*tensors); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  const uint64_t least =
      learner_incarnation == learner_incarnation_ ? newest_.version + 1 : uint64_t{1};
  if (update.version() < least) {
    return absl::InvalidArgumentError(
        absl::StrCat("policy version is ", update.version(), ", expected at least ", least));
  }
  newest_.version = update.version();
  newest_.network = *std::move(network);
  for (const auto& [name, value] : update.parameters()) newest_.parameters[name] = value;
  learner_incarnation_ = learner_incarnation;
  return absl::OkStatus();
}

PolicySnapshot PolicyStore::newest() const {
  absl::MutexLock lock(&mutex_);
  return newest_;
}

uint64_t PolicyStore::learner_incarnation() const {
  absl::MutexLock lock(&mutex_);
  return learner_incarnation_;
}

}  // namespace armature
