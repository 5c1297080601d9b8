#include "deploy/launcher/report/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace armature {
namespace {

constexpr char kEraseLine[] = "\r\x1b[K";
constexpr char kYellow[] = "\x1b[33m";
constexpr char kNoColor[] = "\x1b[0m";
constexpr int64_t kUsualWidth = 100;

bool Rewrites(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) && term != nullptr && std::string_view(term) != "dumb";
}

// 0 if unknown.
int Columns(int fd) {
  winsize size = {};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool NoColorAsked() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color != nullptr && no_color[0] != '\0';
}

}  // namespace

Terminal::Terminal(int fd)
    : fd_(fd), rewrites_(Rewrites(fd)), colors_(rewrites_ && !NoColorAsked()) {}

void Terminal::Line(const std::string& text) { Write((rewrites_ ? kEraseLine : "") + text + "\n"); }

void Terminal::Warning(const std::string& text) {
  Line(colors_ ? kYellow + text + kNoColor : text);
}

void Terminal::Progress(const std::string& text) {
  if (!rewrites_) {
    Line(text);
    return;
  }
  const size_t columns = Columns(fd_);
  std::string cut = text;
  // A wrapped line could not be removed.
  if (columns > 1 && cut.size() >= columns) cut.resize(columns - 1);
  Write(kEraseLine + cut);
}

void Terminal::Clear() {
  if (rewrites_) Write(kEraseLine);
}

int64_t Terminal::width() const {
  const int64_t columns = Columns(fd_);
  return columns > 0 ? columns : kUsualWidth;
}

void Terminal::Write(const std::string& text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = write(fd_, text.data() + written, text.size() - written);
    if (n <= 0) return;  // Nobody reads any more; the run continues.
    written += n;
  }
}

}  // namespace armature
