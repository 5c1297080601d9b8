#include "deploy/launcher/report/terminal.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "gtest/gtest.h"

namespace armature {
namespace {

// Returns what a terminal of 20 columns received.
std::string OnTerminal(const char* term, const char* no_color) {
  setenv("TERM", term, 1);
  setenv("NO_COLOR", no_color, 1);
  winsize size = {};
  size.ws_col = 20;
  size.ws_row = 5;
  int master = 0;
  int slave = 0;
  EXPECT_EQ(openpty(&master, &slave, nullptr, nullptr, &size), 0);
  {
    Terminal terminal(slave);
    terminal.Progress("a progress line longer than the terminal");
    terminal.Warning("warning");
    terminal.Line("end");
  }
  char text[512];
  const ssize_t n = read(master, text, sizeof(text));
  close(slave);
  close(master);
  return std::string(text, n > 0 ? n : 0);
}

TEST(Terminal, RewritesItsProgressLineAndColoursWarnings) {
  EXPECT_EQ(OnTerminal("xterm", ""),
            "\r\x1b[Ka progress line lon\r\x1b[K\x1b[33mwarning\x1b[0m\r\n\r\x1b[Kend\r\n");
}

TEST(Terminal, NoColorIsHonoured) {
  EXPECT_EQ(OnTerminal("xterm", "1"),
            "\r\x1b[Ka progress line lon\r\x1b[Kwarning\r\n\r\x1b[Kend\r\n");
}

TEST(Terminal, ADumbOneGetsPlainLines) {
  EXPECT_EQ(OnTerminal("dumb", ""),
            "a progress line longer than the terminal\r\nwarning\r\nend\r\n");
}

TEST(Terminal, APipeGetsPlainLinesAndMayGoAway) {
  setenv("TERM", "xterm", 1);
  signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Terminal terminal(ends[1]);
  terminal.Progress("progress");
  terminal.Warning("warning");
  char text[64];
  EXPECT_EQ(std::string(text, read(ends[0], text, sizeof(text))), "progress\nwarning\n");
  close(ends[0]);
  terminal.Line("unread");
  close(ends[1]);
}

}  // namespace
}  // namespace armature
