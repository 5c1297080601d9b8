#include "deploy/launcher/process/health_watch.h"

#include <utility>

namespace armature {

HealthWatch::HealthWatch(EventLoop* loop, HealthSource* source, absl::Duration timeout,
                         std::function<void()> on_frozen)
    : loop_(loop), source_(source), timeout_(timeout), on_frozen_(std::move(on_frozen)) {}

void HealthWatch::Start(const std::string& rpc_address, const std::string& metrics_address) {
  Stop();
  if (timeout_ <= absl::ZeroDuration()) return;
  rpc_address_ = rpc_address;
  metrics_address_ = metrics_address;
  open_ = 0;
  Ask(watch_);
}

void HealthWatch::Ask(uint64_t watch) {
  if (watch != watch_) return;
  if (open_ == kAsks) {
    Stop();
    on_frozen_();
    return;
  }
  ++open_;
  // An answer may come after this has been destroyed, and then on a loop that no longer runs.
  source_->Ask(rpc_address_, metrics_address_, timeout_, [loop = loop_, this, watch] {
    loop->Post([this, watch] {
      if (watch == watch_) open_ = 0;
    });
  });
  loop_->After(timeout_ / kAsks, [this, watch] { Ask(watch); });
}

}  // namespace armature
