// `bazel run //deploy:export -- RUN`: a run's policy for programs that are not ours.
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/cli/flags.h"
#include "common/cli/how_started.h"
#include "common/files/files.h"
#include "deploy/verbs/trained/trained_run.h"
#include "learner/export/policy_export.h"
#include "learner/run/other_runs.h"
#include "learner/run/run_models.h"

namespace armature {
namespace {

constexpr char kOnnx[] = "onnx";
constexpr char kSafetensors[] = "safetensors";

struct Flags {
  std::vector<std::string> words;  // RUN, run.output_dir=DIR.
  std::string model;
  std::string format;
  std::string output;
};

void AddFlags(CLI::App& app, Flags* flags) {
  app.add_option("RUN run.output_dir=DIR", flags->words,
                 "A run's directory, id or name (the newest of it), or a policy file; where to "
                 "look for an id or a name first (default: outputs).")
      ->required();
  AddModelFlag(app, &flags->model);
  app.add_option("--format", flags->format,
                 "onnx: observations in, actions in the environment's units out, for ONNX "
                 "Runtime and others; safetensors: docs/policy_file.md, as the run has it. "
                 "Default: by the end of --output, else onnx.")
      ->check(CLI::IsMember({kOnnx, kSafetensors}));
  app.add_option("--output", flags->output,
                 "The file to write. Default: beside the policy, with the end .onnx.");
  AddExamples(app, HowStarted("export"), {"panda_reach_sac", "panda_reach_sac --output arm.onnx"});
}

absl::StatusOr<std::string> FindPolicy(const Flags& flags) {
  const std::string& run = flags.words[0];
  for (size_t i = 1; i < flags.words.size(); ++i) {
    if (absl::StartsWith(flags.words[i], "run.output_dir=")) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("'", flags.words[i], "': beside RUN only run.output_dir=DIR is known"));
  }
  std::error_code ignored;
  if (std::filesystem::is_regular_file(run, ignored)) {
    if (flags.model.empty()) return run;
    return absl::InvalidArgumentError(
        absl::StrCat("--model=", flags.model, " chooses from a run, but ", run, " is a file"));
  }
  const absl::StatusOr<std::string> folder = FindNamedRun(run, flags.words);
  return folder.ok() ? FindModel(*folder, flags.model) : folder.status();
}

absl::Status Export(const Flags& flags) {
  const absl::StatusOr<std::string> policy = FindPolicy(flags);
  if (!policy.ok()) return policy.status();
  std::string format = flags.format;
  if (format.empty()) {
    format = absl::EndsWith(flags.output, ".safetensors") ? kSafetensors : kOnnx;
  }
  std::string output = flags.output;
  if (output.empty()) {
    if (format == kSafetensors) {
      return absl::InvalidArgumentError(
          absl::StrCat(*policy, " is the safetensors file; --output FILE says where to copy it"));
    }
    output = std::filesystem::path(*policy).replace_extension(".onnx").string();
  }
  const absl::Status status = ExportPolicy(
      *policy, format == kOnnx ? ExportFormat::kOnnx : ExportFormat::kSafetensors, output);
  if (!status.ok()) return status;
  std::cout << "export: " << *policy << " written as " << format << " to " << output << std::endl;
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Writes a run's policy for programs that are not ours: normaliser, network, clipping and\n"
      "the way to the environment's units in one file.",
      "export");
  Flags flags;
  AddFlags(app, &flags);
  if (const std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
  EnterUsersFolder();
  const absl::Status status = Export(flags);
  if (status.ok()) return 0;
  std::cerr << "export: " << status.message() << std::endl;
  // 2: what the user wrote; 1: what failed.
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) ? 2 : 1;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
