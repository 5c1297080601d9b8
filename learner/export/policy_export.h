// Exports policies for other programs.
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

// Checks the policy file at `policy_path` and writes `output` atomically. Errors as ReadPolicyFile
// and ToOnnx, and as AtomicFile if writing fails.
absl::Status ExportPolicy(const std::string& policy_path, ExportFormat format,
                          const std::string& output);

}  // namespace armature

#endif  // ARMATURE_LEARNER_EXPORT_POLICY_EXPORT_H_
