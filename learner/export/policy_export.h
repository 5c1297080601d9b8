// Policies for programs that are not ours.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_EXPORT_POLICY_EXPORT_H_
#define ARMATURE_LEARNER_EXPORT_POLICY_EXPORT_H_

#include <string>

#include "absl/status/status.h"

namespace armature {

enum class ExportFormat {
  kSafetensors,  // The policy file itself, byte for byte: docs/policy_file.md.
  kOnnx,         // See ToOnnx.
};

// Checks the policy file at `policy_path` and writes `output`, whole or not at all.
// OK; as ReadPolicyFile and ToOnnx; as AtomicFile for what cannot be written.
absl::Status ExportPolicy(const std::string& policy_path, ExportFormat format,
                          const std::string& output);

}  // namespace armature

#endif  // ARMATURE_LEARNER_EXPORT_POLICY_EXPORT_H_
