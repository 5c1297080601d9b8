// Keeps the current list of env servers.
//
// The list is written as "host:port,unix:/path", "dns:name:port" (all addresses of the name) or
// "file:PATH" (one address per line; '#' starts a comment). Names and files are read again every
// kRefreshPeriod and after every Refresh, on a separate thread, since a name server or network file
// system may block for long.
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

// Parses addresses, one per line or separated by commas. Skips blanks and comments and drops
// repeated addresses.
// Returns InvalidArgument if one cannot be parsed; the message names it.
absl::StatusOr<std::vector<std::string>> ParseAddresses(absl::string_view text);

class ServerDirectory {
 public:
  static constexpr absl::Duration kRefreshPeriod = absl::Seconds(5);

  // `signal` is notified after each reading and must outlive the directory.
  // Returns InvalidArgument if `servers` has none of the three forms.
  static absl::StatusOr<std::unique_ptr<ServerDirectory>> Open(const std::string& servers,
                                                               WakeSignal* signal);
  ~ServerDirectory();

  // In the order written (names: sorted). If empty, see problem().
  std::vector<std::string> addresses() const;
  // Number of times that addresses() has changed.
  uint64_t version() const;
  // Whether addresses() can change: names and files are read again, a written list is fixed.
  bool can_change() const;
  // Why the last reading failed. The addresses of the previous reading are kept.
  std::string problem() const;
  // Starts reading the name or file again; returns at once.
  void Refresh();
  // The text passed to Open, for messages.
  const std::string& written() const { return written_; }

 private:
  struct State;
  ServerDirectory(std::string written, std::shared_ptr<State> state);

  const std::string written_;
  const std::shared_ptr<State> state_;  // Shared with the reading thread, which may be stuck.
};

}  // namespace armature

#endif  // ARMATURE_COMMON_ENV_CLIENT_SERVER_DIRECTORY_H_
