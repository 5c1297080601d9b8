#include "common/cli/shell_word.h"

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace armature {

std::string ShellWord(absl::string_view word) {
  const bool is_plain = !word.empty() && absl::c_all_of(word, [](char c) {
    return absl::ascii_isalnum(c) ||
           absl::string_view("@%+=:,./_-").find(c) != absl::string_view::npos;
  });
  if (is_plain) return std::string(word);
  // Within '...' every character is literal except the quote itself, which must be outside.
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

}  // namespace armature
