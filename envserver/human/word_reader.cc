#include "envserver/human/word_reader.h"

#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/files/atomic_file.h"

namespace armature {
namespace {

constexpr size_t kBytesMax = size_t{256} << 20;
constexpr double kNumberMax = 1e9;
constexpr size_t kQuotedMax = 40;  // Of a file's word in an error.

std::string Quoted(absl::string_view word) {
  const bool is_long = word.size() > kQuotedMax;
  return absl::StrCat("\"", absl::CHexEscape(word.substr(0, kQuotedMax)), is_long ? "..." : "",
                      "\"");
}

}  // namespace

absl::StatusOr<WordReader> WordReader::Open(const std::string& path, char comment) {
  absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  if (text->size() > kBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has ", text->size(), " bytes; at most ", kBytesMax, " are read"));
  }
  return WordReader(path, *std::move(text), comment);
}

WordReader::WordReader(std::string path, std::string text, char comment)
    : path_(std::move(path)),
      text_(std::make_unique<const std::string>(std::move(text))),
      comment_(comment) {
  Advance();
}

void WordReader::Advance() {
  const std::string& text = *text_;
  for (;;) {
    while (at_ < text.size() && (absl::ascii_isspace(text[at_]) || text[at_] == '\0')) {
      if (text[at_] == '\n') ++at_line_;
      ++at_;
    }
    if (comment_ == '\0' || at_ == text.size() || text[at_] != comment_) break;
    while (at_ < text.size() && text[at_] != '\n') ++at_;
  }
  const size_t begin = at_;
  while (at_ < text.size() && !absl::ascii_isspace(text[at_]) && text[at_] != '\0') ++at_;
  word_ = absl::string_view(text).substr(begin, at_ - begin);
  word_line_ = at_line_;
}

absl::string_view WordReader::Next() {
  const absl::string_view word = word_;
  line_ = word_line_;
  Advance();
  return word;
}

std::vector<absl::string_view> WordReader::RestOfLine() {
  std::vector<absl::string_view> words;
  while (!AtLineEnd()) words.push_back(Next());
  return words;
}

bool WordReader::Take(absl::string_view word) {
  if (!absl::EqualsIgnoreCase(word_, word)) return false;
  Next();
  return true;
}

absl::Status WordReader::Expect(absl::string_view word) {
  return Take(word) ? absl::OkStatus() : Wanted(word);
}

absl::StatusOr<double> WordReader::Number(absl::string_view what) {
  double number;
  if (AtEnd() || !absl::SimpleAtod(word_, &number)) return Wanted(what);
  if (!(std::abs(number) <= kNumberMax)) {
    return Wanted(absl::StrCat(what, ", a number between -1e9 and 1e9,"));
  }
  Next();
  return number;
}

absl::StatusOr<int> WordReader::Integer(absl::string_view what, int low, int high) {
  int number;
  if (AtEnd() || !absl::SimpleAtoi(word_, &number) || number < low || number > high) {
    return Wanted(absl::StrCat(what, ", ", low, " to ", high, ","));
  }
  Next();
  return number;
}

absl::Status WordReader::Error(absl::string_view message) const {
  return absl::InvalidArgumentError(absl::StrCat(path_, ":", line_, ": ", message));
}

absl::Status WordReader::Wanted(absl::string_view what) const {
  const int line = AtEnd() ? line_ : word_line_;
  return absl::InvalidArgumentError(absl::StrCat(
      path_, ":", line, ": ", what, " should be here; ",
      AtEnd() ? std::string("the file ends") : absl::StrCat("there is ", Quoted(word_))));
}

}  // namespace armature
