// What the launcher's user sees: lines, and on a terminal one line at the bottom
// that is rewritten. Elsewhere, or where $TERM is dumb, every line is plain.
// Yellow warnings on a terminal unless $NO_COLOR is set.
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_LAUNCHER_REPORT_TERMINAL_H_
#define ARMATURE_DEPLOY_LAUNCHER_REPORT_TERMINAL_H_

#include <cstdint>
#include <string>

namespace armature {

class Terminal {
 public:
  // Writes to `fd`, not owned.
  explicit Terminal(int fd);

  void Line(const std::string& text);
  void Warning(const std::string& text);
  // Takes the place of the progress line before.
  void Progress(const std::string& text);
  // Takes the progress line away.
  void Clear();
  // Characters of a line; 100 where that is not known.
  int64_t width() const;

 private:
  void Write(const std::string& text);

  const int fd_;
  const bool rewrites_;
  const bool colors_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_REPORT_TERMINAL_H_
