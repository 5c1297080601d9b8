#include "learner/export/policy_export.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/files/atomic_file.h"
#include "learner/checkpoint/policy_file.h"
#include "learner/export/onnx_policy.h"

namespace armature {

absl::Status ExportPolicy(const std::string& policy_path, ExportFormat format,
                          const std::string& output) {
  const absl::StatusOr<PolicyFile> policy = ReadPolicyFile(policy_path);
  if (!policy.ok()) return policy.status();
  // Also for a file that is only copied: it shows that the weights fit.
  const absl::StatusOr<onnx::ModelProto> model = ToOnnx(*policy);
  if (!model.ok()) {
    return absl::Status(model.status().code(),
                        absl::StrCat(policy_path, ": ", model.status().message()));
  }
  if (format == ExportFormat::kSafetensors) {
    const absl::StatusOr<std::string> content = ReadWholeFile(policy_path);
    return content.ok() ? WriteDurably(output, *content) : content.status();
  }
  std::string content;
  // Protocol Buffers are limited to 2 GiB; a policy has at most 1 GiB of weights.
  if (!model->SerializeToString(&content)) {
    return absl::InternalError(absl::StrCat(policy_path, ": too large for ONNX"));
  }
  return WriteDurably(output, content);
}

}  // namespace armature
