#include "common/env_client/server_directory.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "common/files/atomic_file.h"
#include "common/rpc/address.h"
#include "common/sync/steady_time.h"

namespace armature {
namespace {

using Addresses = absl::StatusOr<std::vector<std::string>>;

// Returns all numeric addresses of a name, sorted.
Addresses ResolveName(const Address& name) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name.host.c_str(), absl::StrCat(name.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot resolve ", name.ToString(), ": ", gai_strerror(error)));
  }
  std::vector<std::string> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
      continue;
    }
    addresses.push_back(entry->ai_family == AF_INET6 ? absl::StrCat("[", host, "]:", port)
                                                     : absl::StrCat(host, ":", port));
  }
  freeaddrinfo(found);
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

Addresses ReadAddressFile(const std::string& path) {
  auto text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  Addresses addresses = ParseAddresses(*text);
  if (!addresses.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", addresses.status().message()));
  }
  if (addresses->empty()) return absl::NotFoundError(absl::StrCat(path, " names no env server"));
  return addresses;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseAddresses(absl::string_view text) {
  std::vector<std::string> addresses;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = line.substr(0, line.find('#'));
    for (absl::string_view address : absl::StrSplit(line, ',')) {
      address = absl::StripAsciiWhitespace(address);
      if (address.empty()) continue;
      if (absl::Status status = ParseAddress(address).status(); !status.ok()) return status;
      if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
        addresses.emplace_back(address);
      }
    }
  }
  return addresses;
}

struct ServerDirectory::State {
  std::function<Addresses()> read;  // Null: the addresses never change.
  mutable absl::Mutex mutex;        // Lock order: before the signal's.
  SteadyCondVar changed;            // Signals that Due may have changed.
  std::vector<std::string> addresses ABSL_GUARDED_BY(mutex);
  uint64_t version ABSL_GUARDED_BY(mutex) = 0;
  std::string problem ABSL_GUARDED_BY(mutex);
  bool refresh ABSL_GUARDED_BY(mutex) = true;
  WakeSignal* signal ABSL_GUARDED_BY(mutex) = nullptr;  // Null once the owner is gone.

  bool Due() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return refresh || signal == nullptr; }

  void Run() {
    for (;;) {
      {
        absl::MutexLock lock(&mutex);
        const absl::Time deadline = SteadyTime() + kRefreshPeriod;
        while (!Due() && SteadyTime() < deadline) changed.WaitUntil(&mutex, deadline);
        if (signal == nullptr) return;
        refresh = false;
      }
      Addresses fresh = read();
      absl::MutexLock lock(&mutex);
      problem = fresh.ok() ? "" : std::string(fresh.status().message());
      if (fresh.ok() && *fresh != addresses) {
        addresses = *std::move(fresh);
        ++version;
      }
      if (signal != nullptr) signal->Notify();
    }
  }
};

absl::StatusOr<std::unique_ptr<ServerDirectory>> ServerDirectory::Open(const std::string& servers,
                                                                       WakeSignal* signal) {
  auto state = std::make_shared<State>();
  absl::string_view rest = servers;
  if (absl::ConsumePrefix(&rest, "file:")) {
    if (rest.empty()) return absl::InvalidArgumentError("'file:' names no file");
    state->read = [path = std::string(rest)] { return ReadAddressFile(path); };
  } else if (absl::ConsumePrefix(&rest, "dns:")) {
    const absl::StatusOr<Address> address = ParseAddress(rest);
    if (!address.ok() || address->is_unix()) {
      return absl::InvalidArgumentError(absl::StrCat("'", servers, "' is not dns:name:port"));
    }
    state->read = [name = *address] { return ResolveName(name); };
  }
  {
    absl::MutexLock lock(&state->mutex);
    state->signal = signal;
    if (state->read == nullptr) {
      Addresses addresses = ParseAddresses(servers);
      if (!addresses.ok()) return addresses.status();
      if (addresses->empty()) return absl::InvalidArgumentError("no env server is named");
      state->addresses = *std::move(addresses);
    }
  }
  // Not joined, since a name server may block the thread for longer than exiting should take.
  if (state->read != nullptr) std::thread([state] { state->Run(); }).detach();
  return absl::WrapUnique(new ServerDirectory(servers, std::move(state)));
}

ServerDirectory::ServerDirectory(std::string written, std::shared_ptr<State> state)
    : written_(std::move(written)), state_(std::move(state)) {}

ServerDirectory::~ServerDirectory() {
  absl::MutexLock lock(&state_->mutex);
  state_->signal = nullptr;
  state_->changed.NotifyAll();
}

std::vector<std::string> ServerDirectory::addresses() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->addresses;
}

uint64_t ServerDirectory::version() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->version;
}

bool ServerDirectory::can_change() const { return state_->read != nullptr; }

std::string ServerDirectory::problem() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->problem;
}

void ServerDirectory::Refresh() {
  absl::MutexLock lock(&state_->mutex);
  state_->refresh = true;
  state_->changed.NotifyAll();
}

}  // namespace armature
