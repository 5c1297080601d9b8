#include "learner/checkpoint/policy_file.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/policy/policy_wire.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"

namespace armature {
namespace {

constexpr char kFormatVersion[] = "1";
constexpr char kKind[] = "armature policy";

std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  // Cannot fail for our messages: they have no Any and no unknown enum.
  (void)google::protobuf::util::MessageToJsonString(message, &json);
  return json;
}

absl::StatusOr<PolicyFile> Parse(const TensorFile& file) {
  const auto text = [&file](const char* key) {
    const auto found = file.metadata.find(key);
    return found == file.metadata.end() ? std::string() : found->second;
  };
  if (text("kind") != kKind || text("format_version") != kFormatVersion) {
    return absl::DataLossError(absl::StrCat("not an ", kKind, " of format ", kFormatVersion,
                                            ", but '", text("kind"), "' of format '",
                                            text("format_version"), "'"));
  }
  PolicyFile policy;
  policy.run_id = text("run_id");
  v1::EnvSpec env;
  if (!google::protobuf::util::JsonStringToMessage(text("env"), &env).ok()) {
    return absl::DataLossError("its 'env' is malformed");
  }
  absl::StatusOr<EnvSpec> spec = EnvSpec::FromProto(env);
  if (!spec.ok()) return absl::DataLossError(absl::StrCat("its 'env': ", spec.status().message()));
  policy.env = *std::move(spec);
  if (!google::protobuf::util::JsonStringToMessage(text("policy"), &policy.policy).ok()) {
    return absl::DataLossError("its 'policy' is malformed");
  }
  uint64_t version = 0, env_steps = 0, learner_steps = 0;
  for (const auto& [key, value] : {std::pair{"policy_version", &version},
                                   {"env_steps", &env_steps},
                                   {"learner_steps", &learner_steps}}) {
    if (!absl::SimpleAtoi(text(key), value)) {
      return absl::DataLossError(absl::StrCat("its '", key, "' is '", text(key), "', no number"));
    }
  }
  EncodePolicy(file.tensors, &policy.weights);
  policy.weights.set_version(version);
  policy.weights.set_env_steps(env_steps);
  policy.weights.set_learner_steps(learner_steps);
  return policy;
}

}  // namespace

TensorFile MakePolicyFile(const std::string& run_id, const EnvSpec& env,
                          const v1::PolicySpec& policy, const v1::PolicyUpdate& counters,
                          const NamedTensors& tensors) {
  return {{{"kind", kKind},
           {"format_version", kFormatVersion},
           {"run_id", run_id},
           {"env_id", env.id},
           {"env", ToJson(env.ToProto())},
           {"policy", ToJson(policy)},
           {"policy_version", absl::StrCat(counters.version())},
           {"env_steps", absl::StrCat(counters.env_steps())},
           {"learner_steps", absl::StrCat(counters.learner_steps())}},
          tensors};
}

absl::StatusOr<PolicyFile> ReadPolicyFile(const std::string& path) {
  const absl::StatusOr<TensorFile> file = TensorFile::Read(path);
  if (!file.ok()) return file.status();
  absl::StatusOr<PolicyFile> policy = Parse(*file);
  if (policy.ok()) return policy;
  return absl::Status(policy.status().code(), absl::StrCat(path, ": ", policy.status().message()));
}

}  // namespace armature
