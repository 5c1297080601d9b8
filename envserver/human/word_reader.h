// A text file, word by word, with what its errors need: the file's name and the line.
#ifndef ARMATURE_ENVSERVER_HUMAN_WORD_READER_H_
#define ARMATURE_ENVSERVER_HUMAN_WORD_READER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

class WordReader {
 public:
  // NotFound: no such file; InvalidArgument: more than 256 MiB. What is between `comment` and the
  // line's end is read over; '\0': nothing is.
  static absl::StatusOr<WordReader> Open(const std::string& path, char comment = '\0');

  // The next word without taking it; empty: the file has ended.
  absl::string_view Peek() const { return word_; }
  bool AtEnd() const { return word_.empty(); }
  // Whether the next word is in another line than the last one that was taken.
  bool AtLineEnd() const { return AtEnd() || word_line_ != line_; }

  absl::string_view Next();
  // What is left of the line of the last word, in words.
  std::vector<absl::string_view> RestOfLine();
  // Takes the next word if it is `word`, whatever its case.
  bool Take(absl::string_view word);

  // InvalidArgument: the next word is another; `word` whatever its case.
  absl::Status Expect(absl::string_view word);
  // InvalidArgument: the next word is no number, or beyond +-1e9. `what` is of the error.
  absl::StatusOr<double> Number(absl::string_view what);
  absl::StatusOr<int> Integer(absl::string_view what, int low, int high);

  // "PATH:LINE: message", the line of the last word that was taken.
  absl::Status Error(absl::string_view message) const;
  // "... instead of WORD", or "... but the file ends".
  absl::Status Wanted(absl::string_view what) const;
  const std::string& path() const { return path_; }

 private:
  WordReader(std::string path, std::string text, char comment);
  void Advance();

  std::string path_;
  // Words are views of it; on the heap, so that they stay so when the reader is moved.
  std::unique_ptr<const std::string> text_;
  char comment_;
  size_t at_ = 0;
  int at_line_ = 1;
  absl::string_view word_;
  int word_line_ = 1;
  int line_ = 1;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_WORD_READER_H_
