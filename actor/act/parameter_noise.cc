#include "actor/act/parameter_noise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "c10/core/GradMode.h"
#include "common/policy/generator.h"

namespace armature {
namespace {

constexpr uint64_t kStream = 0x9a7a;  // Differs from the explorer's and the sampling streams.
// Weights perturbed by more are only noise; stops std from growing if action_distance is out of
// reach.
constexpr double kStdMax = 10;

absl::Status CheckSettings(const v1::Exploration::ParameterNoise& settings) {
  const auto check = [](absl::string_view name, double value, double above) {
    if (std::isfinite(value) && value > above) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("exploration.parameter_noise.", name, " is ", value, ", not over ", above));
  };
  for (const absl::Status& status :
       {check("initial_std", settings.initial_std(), 0),
        check("action_distance", settings.action_distance(), 0),
        check("factor", settings.factor(), 1), check("adapt_steps", settings.adapt_steps(), 0)}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ParameterNoise>> ParameterNoise::Create(
    const v1::Exploration::ParameterNoise& settings, const v1::PolicySpec& policy,
    int64_t num_slots, c10::Device device, uint64_t seed) {
  if (absl::Status status = CheckSettings(settings); !status.ok()) return status;
  if (policy.head() != v1::PolicySpec::HEAD_TANH || !policy.layer_norm()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "exploration.parameter_noise needs a policy of HEAD_TANH with layer norm, not ",
        v1::PolicySpec::Head_Name(policy.head()), policy.layer_norm() ? "" : " without"));
  }
  auto noise = absl::WrapUnique(new ParameterNoise(settings, device));
  for (int64_t i = 0; i < num_slots; ++i) {
    absl::StatusOr<std::unique_ptr<PolicyNetwork>> network = PolicyNetwork::Create(policy, device);
    if (!network.ok()) return network.status();
    Slot slot{Rng({seed}), settings.initial_std()};
    slot.network = *std::move(network);
    noise->slots_.push_back(std::move(slot));
  }
  noise->Reseed(seed);
  return noise;
}

void ParameterNoise::Reseed(uint64_t seed) {
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    slot.rng = Rng({seed, kStream, i});
    slot.std = std::min(settings_.initial_std(), kStdMax);
    slot.square_sum = 0;
    slot.steps = 0;
    slot.distance = std::numeric_limits<double>::quiet_NaN();
    BeginEpisode(i);
  }
}

void ParameterNoise::BeginEpisode(int64_t slot) { slots_[slot].direction = at::Tensor(); }

void ParameterNoise::Perturb(const PolicySnapshot& policy, int64_t slot,
                             absl::Span<const float> observation, absl::Span<float> action) {
  const c10::NoGradGuard no_grad;
  Slot& own = slots_[slot];
  if (!own.direction.defined()) DrawDirection(&own);
  if (own.base != policy.network || own.network_std != own.std) MoveWeights(policy, &own);

  at::Tensor input = at::empty({1, static_cast<int64_t>(observation.size())}, at::kFloat);
  std::copy(observation.begin(), observation.end(), input.mutable_data_ptr<float>());
  const at::Tensor moved = own.network->Act(input.to(device_), /*deterministic=*/true, std::nullopt)
                               .action.to(at::kCPU)
                               .contiguous();
  const float* const values = moved.const_data_ptr<float>();
  for (size_t i = 0; i < action.size(); ++i) {
    const double difference = double{values[i]} - action[i];
    own.square_sum += difference * difference;
    action[i] = values[i];
  }
  if (++own.steps >= settings_.adapt_steps()) Adapt(static_cast<int64_t>(action.size()), &own);
}

// Drawn on the CPU, so that it is the same on every device.
void ParameterNoise::DrawDirection(Slot* slot) const {
  const at::Generator generator = MakeGenerator(c10::kCPU, slot->rng.Bits());
  std::vector<at::Tensor> parts;
  for (const auto& [name, tensor] : slot->network->parameters()) {
    const bool is_norm = absl::StrContains(name, ".norm_");
    parts.push_back(is_norm ? at::zeros({tensor.numel()}, at::kFloat)
                            : at::randn({tensor.numel()}, generator, at::kFloat));
  }
  slot->direction = at::cat(parts).to(device_);
  slot->base = nullptr;
}

void ParameterNoise::MoveWeights(const PolicySnapshot& policy, Slot* slot) const {
  const NamedTensors from = policy.network->tensors();
  const NamedTensors own = slot->network->tensors();
  for (size_t i = 0; i < own.size(); ++i) own[i].second.copy_(from[i].second);
  slot->network->flat_parameters().add_(slot->direction, slot->std);
  slot->base = policy.network;
  slot->network_std = slot->std;
}

void ParameterNoise::Adapt(int64_t action_size, Slot* slot) const {
  const double values = static_cast<double>(slot->steps) * static_cast<double>(action_size);
  slot->distance = std::sqrt(slot->square_sum / values);
  slot->std *=
      slot->distance < settings_.action_distance() ? settings_.factor() : 1 / settings_.factor();
  slot->std = std::min(slot->std, kStdMax);
  slot->square_sum = 0;
  slot->steps = 0;
}

double ParameterNoise::std_mean() const {
  double sum = 0;
  for (const Slot& slot : slots_) sum += slot.std;
  return sum / static_cast<double>(slots_.size());
}

double ParameterNoise::distance_mean() const {
  double sum = 0;
  int64_t count = 0;
  for (const Slot& slot : slots_) {
    if (std::isnan(slot.distance)) continue;
    sum += slot.distance;
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace armature
