#include "envserver/actuators/network_actuator.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr double kStrideMax = 1000;
// Of the stride, which is made of two decimal fractions.
constexpr double kRounding = 1e-6;

}  // namespace

absl::StatusOr<std::unique_ptr<NetworkActuator>> NetworkActuator::Create(
    std::shared_ptr<const ActuatorNetwork> network, int num_joints, double physics_step_s) {
  const double stride = network->history_interval_s() / physics_step_s;
  const double whole = std::round(stride);
  if (!(whole >= 1 && whole <= kStrideMax && std::abs(stride - whole) <= kRounding * whole)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the actuator network's history_interval_s is ", network->history_interval_s(),
        ", expected 1 to ", kStrideMax, " whole physics steps of ", physics_step_s, " s"));
  }
  return std::unique_ptr<NetworkActuator>(
      new NetworkActuator(std::move(network), num_joints, static_cast<int>(whole)));
}

NetworkActuator::NetworkActuator(std::shared_ptr<const ActuatorNetwork> network, int num_joints,
                                 int stride)
    : network_(std::move(network)),
      num_joints_(num_joints),
      stride_(stride),
      state_(1 + ((network_->history() - 1) * stride + 1) * 2 * num_joints),
      inputs_(num_joints * network_->num_inputs()),
      torque_(num_joints) {}

void NetworkActuator::ComputeTorques(const JointStates& joints, absl::Span<double> torque) {
  Remember(joints);
  const int history = network_->history();
  float* input = inputs_.data();
  for (int joint = 0; joint < num_joints_; ++joint) {
    for (const int part : {0, num_joints_}) {  // Errors, velocities.
      const float* sample = state_.data() + 1 + part + joint;
      for (int age = 0; age < history; ++age, sample += stride_ * 2 * num_joints_) {
        *input++ = *sample;
      }
    }
  }
  network_->Evaluate(inputs_, absl::MakeSpan(torque_));
  const double max = network_->torque_max();
  for (int i = 0; i < num_joints_; ++i) {
    torque[i] = std::clamp(static_cast<double>(torque_[i]), -max, max);
  }
}

void NetworkActuator::Remember(const JointStates& joints) {
  const int sample = 2 * num_joints_;
  float* newest = state_.data() + 1;
  float* end = state_.data() + state_.size();
  const bool is_first = state_[0] == 0;
  if (!is_first) std::copy_backward(newest, end - sample, end);
  for (int i = 0; i < num_joints_; ++i) {
    newest[i] = static_cast<float>(joints.target[i] - joints.position[i]);
    newest[num_joints_ + i] = static_cast<float>(joints.velocity[i]);
  }
  if (!is_first) return;
  for (float* older = newest + sample; older != end; older += sample) {
    std::copy(newest, newest + sample, older);
  }
  state_[0] = 1;
}

}  // namespace armature
