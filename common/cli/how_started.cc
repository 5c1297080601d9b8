#include "common/cli/how_started.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/cli/shell_word.h"
#include "common/files/files.h"

namespace armature {

std::string HowStarted(const std::string& verb) {
  // In a bundle the program is in bin/, next to the launcher.
  std::error_code ignored;
  const std::string launcher =
      std::filesystem::weakly_canonical(ProgramFolder() + "/../armature", ignored).string();
  return std::filesystem::is_regular_file(launcher, ignored)
             ? absl::StrCat(ShellWord(launcher), " ", verb)
             : absl::StrCat("bazel run //deploy:", verb, " --");
}

}  // namespace armature
