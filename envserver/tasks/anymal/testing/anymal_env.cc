#include "envserver/tasks/anymal/testing/anymal_env.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "envserver/tasks/anymal/anymal_mirror.h"
#include "envserver/tasks/anymal/anymal_tasks.h"

namespace armature {
namespace {

[[noreturn]] void Die(const std::string& why) {
  std::cerr << why << "\n";
  std::abort();
}

absl::StatusOr<std::unique_ptr<Env>> Make(const std::string& env_id, const EnvConfig& config) {
  EnvRegistry registry;
  if (!RegisterAnymalTasks(registry).ok()) Die("the registry refused");
  return registry.Make(env_id, config);
}

int Dof(const Body& robot, int joint) {
  constexpr const char* kLegs[] = {"LF", "RF", "LH", "RH"};
  constexpr const char* kJoints[] = {"_HAA", "_HFE", "_KFE"};
  return robot.Joint(absl::StrCat(kLegs[joint / 3], kJoints[joint % 3]));
}

}  // namespace

AnymalState MirrorState(const AnymalState& state) {
  AnymalState mirrored;
  const btVector3& position = state.base.getOrigin();
  const btQuaternion turn = state.base.getRotation();
  mirrored.base.setOrigin(btVector3(position.x(), -position.y(), position.z()));
  mirrored.base.setRotation(btQuaternion(-turn.x(), turn.y(), -turn.z(), turn.w()));
  mirrored.linear = btVector3(state.linear.x(), -state.linear.y(), state.linear.z());
  mirrored.angular = btVector3(-state.angular.x(), state.angular.y(), -state.angular.z());
  mirrored.angles = Mirrored(MirrorAction(), state.angles);
  mirrored.velocities = Mirrored(MirrorAction(), state.velocities);
  return mirrored;
}

std::string Refusal(const std::string& env_id, const EnvConfig& config) {
  return std::string(Make(env_id, config).status().message());
}

AnymalEnv::AnymalEnv(const std::string& env_id, const EnvConfig& config) {
  auto made = Make(env_id, config);
  if (!made.ok()) Die(made.status().ToString());
  env_ = *std::move(made);
  std::vector<absl::Span<uint8_t>> spans;
  for (const FieldSpec& field : env_->spec().observation) fields_.emplace_back(field.size());
  for (std::vector<float>& field : fields_) {
    spans.emplace_back(reinterpret_cast<uint8_t*>(field.data()), field.size() * sizeof(float));
  }
  observation_ = Observation(std::move(spans));
  Reset();
}

void AnymalEnv::Reset(uint64_t seed, double parameter) {
  env_->SetParameters({parameter});
  Reset(seed);
}

void AnymalEnv::SetState(const AnymalState& state) {
  Body& body = robot();
  body.SetBasePose(state.base);
  body.SetBaseVelocity(state.linear, state.angular);
  for (size_t i = 0; i < state.angles.size(); ++i) {
    body.SetJointPosition(Dof(body, static_cast<int>(i)), state.angles[i]);
    body.SetJointVelocity(Dof(body, static_cast<int>(i)), state.velocities[i]);
  }
}

std::vector<float> AnymalEnv::Field(const std::string& name) const {
  const auto& specs = env_->spec().observation;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return fields_[i];
  }
  Die("no field " + name);
}

std::vector<float> AnymalEnv::All() const {
  std::vector<float> all;
  for (const auto& field : fields_) all.insert(all.end(), field.begin(), field.end());
  return all;
}

float AnymalEnv::Metric(const std::string& name) const {
  const auto& specs = env_->spec().metrics;
  std::vector<float> values(specs.size());
  env_->ReadMetrics(absl::MakeSpan(values));
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return values[i];
  }
  Die("no metric " + name);
}

}  // namespace armature
