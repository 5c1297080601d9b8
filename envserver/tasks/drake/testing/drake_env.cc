#include "envserver/tasks/drake/testing/drake_env.h"

#include <cstdlib>
#include <iostream>

#include "envserver/tasks/drake/drake_tasks.h"

namespace armature {
namespace {

[[noreturn]] void Fail(absl::string_view what) {
  std::cerr << what << "\n";
  std::abort();
}

std::unique_ptr<Env> Make(const std::string& env_id, const EnvConfig& config) {
  EnvRegistry registry;
  for (const absl::Status& status : {RegisterCartPole(registry), RegisterBoxFlipUp(registry)}) {
    if (!status.ok()) Fail(status.message());
  }
  absl::StatusOr<std::unique_ptr<Env>> env = registry.Make(env_id, config);
  if (!env.ok()) Fail(env.status().message());
  return *std::move(env);
}

}  // namespace

DrakeEnv::DrakeEnv(const std::string& env_id, const EnvConfig& config)
    : env_(Make(env_id, config)),
      state_(env_->spec().observation[0].size()),
      observation_({absl::MakeSpan(reinterpret_cast<uint8_t*>(state_.data()),
                                   state_.size() * sizeof(float))}) {}

float DrakeEnv::Metric(const std::string& name) const {
  const EnvSpec& spec = env_->spec();
  std::vector<float> values(spec.metrics.size());
  env_->ReadMetrics(absl::MakeSpan(values));
  for (size_t i = 0; i < values.size(); ++i) {
    if (spec.metrics[i].name == name) return values[i];
  }
  Fail("no metric '" + name + "'");
}

}  // namespace armature
