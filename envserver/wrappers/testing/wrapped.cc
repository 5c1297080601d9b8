#include "envserver/wrappers/testing/wrapped.h"

#include <stdexcept>
#include <utility>

#include "absl/types/span.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/testing/wrapped_envs.h"

namespace armature {

absl::StatusOr<std::unique_ptr<Env>> MakeWrapped(const std::string& env_id,
                                                 const EnvConfig& config) {
  EnvRegistry registry;
  absl::Status status = RegisterBuiltinWrappers(registry);
  status.Update(RegisterWrappedEnvs(registry));
  if (!status.ok()) return status;
  return registry.Make(env_id, config);
}

std::string WrappedError(const std::string& env_id, const EnvConfig& config) {
  return std::string(MakeWrapped(env_id, config).status().message());
}

Wrapped::Wrapped(const std::string& env_id, const EnvConfig& config) {
  auto env = MakeWrapped(env_id, config);
  if (!env.ok()) throw std::runtime_error(env.status().ToString());
  env_ = *std::move(env);
  memory_ = std::make_unique<ObservationMemory>(env_->spec().observation);
}

const FieldSpec& Wrapped::field(const std::string& name) const {
  return spec().observation[FindField(spec(), name)];
}

std::vector<double> Wrapped::Floats(const std::string& name) {
  const absl::Span<float> values = observation().Field<float>(FindField(spec(), name));
  return {values.begin(), values.end()};
}

std::vector<float> Wrapped::Metrics() {
  std::vector<float> metrics(spec().metrics.size());
  env_->ReadMetrics(absl::MakeSpan(metrics));
  return metrics;
}

std::vector<float> Wrapped::ExecutedAction() {
  std::vector<float> action(spec().action.size());
  env_->ReadExecutedAction(absl::MakeSpan(action));
  return action;
}

}  // namespace armature
