// The env servers that there are just now.
//
// Written as "host:port,unix:/path", "dns:name:port" (every address that the name
// has) or "file:PATH" (one address a line, '#' begins a comment). Names and files
// are read again every kRefreshPeriod and at every Refresh, on a thread of its
// own: neither a name server nor a network file system can be waited for elsewhere.
// Thread safety: all methods.
#ifndef ARMATURE_COMMON_ENV_CLIENT_SERVER_DIRECTORY_H_
#define ARMATURE_COMMON_ENV_CLIENT_SERVER_DIRECTORY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/sync/wake_signal.h"

namespace armature {

// Non-empty addresses, one a line or separated by commas; blanks and comments are
// left out, repeated ones taken once.
// OK; InvalidArgument: one of them is no address (named).
absl::StatusOr<std::vector<std::string>> ParseAddresses(absl::string_view text);

class ServerDirectory {
 public:
  static constexpr absl::Duration kRefreshPeriod = absl::Seconds(5);

  // `signal` is notified after each reading, and must outlive the directory.
  // OK; InvalidArgument: `servers` is none of the three forms.
  static absl::StatusOr<std::unique_ptr<ServerDirectory>> Open(const std::string& servers,
                                                               WakeSignal* signal);
  ~ServerDirectory();

  // In the order they are written (names: sorted). Empty: see problem().
  std::vector<std::string> addresses() const;
  // How often addresses() has changed.
  uint64_t version() const;
  // Whether it ever can: a list is fixed, a name or a file is read again.
  bool can_change() const;
  // Why the last reading failed; the addresses of the one before stay.
  std::string problem() const;
  // Reads a name or file again now; returns at once.
  void Refresh();
  // The flag's value, for messages.
  const std::string& written() const { return written_; }

 private:
  struct State;
  ServerDirectory(std::string written, std::shared_ptr<State> state);

  const std::string written_;
  const std::shared_ptr<State> state_;  // Shared with a reader that may be stuck.
};

}  // namespace armature

#endif  // ARMATURE_COMMON_ENV_CLIENT_SERVER_DIRECTORY_H_
