#include "learner/run/run_state.h"

#include <filesystem>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/cli/how_started.h"
#include "common/cli/shell_word.h"
#include "common/files/atomic_file.h"
#include "learner/run/saved_steps.h"

namespace armature {

absl::Status NoteRunState(const std::string& run_dir, absl::string_view why) {
  const std::string path = run_dir + "/README.md";
  absl::StatusOr<std::string> card = ReadWholeFile(path);
  if (absl::IsNotFound(card.status())) return absl::OkStatus();
  if (!card.ok()) return card.status();
  const size_t begin = card->find(absl::StrCat("\n", kNotEnded));
  if (begin == std::string::npos) return absl::OkStatus();
  const size_t end = card->find('\n', begin + 1);
  const std::string line = absl::StrReplaceAll(why, {{"\n", " "}});
  card->replace(begin + 1, end - begin - 1, absl::StrCat(kNotEnded, ": ", line, "."));
  return WriteDurably(path, *card);
}

std::string ResumeCommand(const std::string& run_dir, const std::string& override) {
  return absl::StrCat(HowStarted("train"), " --resume ",
                      ShellWord(std::filesystem::absolute(run_dir).string()),
                      override.empty() ? "" : absl::StrCat(" ", ShellWord(override)));
}

std::string GoOnSentence(const std::string& run_dir, const std::string& override) {
  return absl::StrCat(SavedEnvSteps(run_dir).ok() ? "go on" : "begin anew", " with ",
                      ResumeCommand(run_dir, override));
}

}  // namespace armature
