// Channels to env servers by address. Sessions to the same server share a connection.
//
// Thread safety: all methods.
#ifndef ARMATURE_COMMON_RPC_CLIENT_CHANNEL_POOL_H_
#define ARMATURE_COMMON_RPC_CLIENT_CHANNEL_POOL_H_

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/peer_probe.h"
#include "common/rpc/transport.h"
#include "grpcpp/channel.h"

namespace armature {

class ChannelPool {
 public:
  explicit ChannelPool(const TransportOptions& transport) : transport_(transport) {}

  // Explains a failed call beyond its status; may block, like ExplainFailure.
  absl::Status Explain(const std::string& address, const absl::Status& status) const {
    return ExplainFailure(address, transport_, status);
  }
  // Returns MakeChannel's errors.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Get(const std::string& address) {
    absl::MutexLock lock(&mutex_);
    const auto found = channels_.find(address);
    if (found != channels_.end()) return found->second;
    auto channel = MakeChannel(address, transport_);
    if (channel.ok()) channels_[address] = *channel;
    return channel;
  }

 private:
  const TransportOptions transport_;
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_CLIENT_CHANNEL_POOL_H_
