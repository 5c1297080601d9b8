#include "common/cli/shell_word.h"

#include <cstdio>
#include <string>

#include "gtest/gtest.h"

namespace armature {
namespace {

// Returns what a shell reads.
std::string ReadBack(const std::string& word) {
  FILE* const shell = popen(("printf '%s' " + ShellWord(word)).c_str(), "r");
  std::string text;
  for (int c = fgetc(shell); c != EOF; c = fgetc(shell)) text += static_cast<char>(c);
  EXPECT_EQ(pclose(shell), 0);
  return text;
}

TEST(ShellWord, AShellReadsBackWhatWasMeant) {
  for (const char* word : {"outputs/reach/20260102-030405", "two words", "it's", "Läufe",
                           "$HOME `x`", "a\\b", "\"", "*", "~", "line\nline", "-n", ""}) {
    EXPECT_EQ(ReadBack(word), word);
  }
}

TEST(ShellWord, APlainPathStaysReadable) {
  EXPECT_EQ(ShellWord("/data/a-b/run_1,x=2"), "/data/a-b/run_1,x=2");
}

}  // namespace
}  // namespace armature
