// Output of the launcher for its user: lines and, on a terminal, a progress line at the bottom that
// is updated in place. If the output is not a terminal, or $TERM is dumb, every line is plain.
// Warnings are yellow on a terminal unless $NO_COLOR is set.
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_LAUNCHER_REPORT_TERMINAL_H_
#define ARMATURE_DEPLOY_LAUNCHER_REPORT_TERMINAL_H_

#include <cstdint>
#include <string>

namespace armature {

class Terminal {
 public:
  // Writes to `fd`, which it does not own.
  explicit Terminal(int fd);

  void Line(const std::string& text);
  void Warning(const std::string& text);
  // Replaces the previous progress line.
  void Progress(const std::string& text);
  // Removes the progress line.
  void Clear();
  // Characters per line; 100 if unknown.
  int64_t width() const;

 private:
  void Write(const std::string& text);

  const int fd_;
  const bool rewrites_;
  const bool colors_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_REPORT_TERMINAL_H_
