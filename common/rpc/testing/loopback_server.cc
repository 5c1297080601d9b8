#include "common/rpc/testing/loopback_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"

namespace armature {

LoopbackServer::LoopbackServer(std::vector<grpc::Service*> services, int port)
    : services_(std::move(services)), port_(port) {
  port_ = Listen();
}

void LoopbackServer::Start() { Listen(); }

int LoopbackServer::Listen() {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials(), &port);
  for (grpc::Service* service : services_) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
  return port;
}

void LoopbackServer::Stop(absl::Time deadline) {
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(deadline));
  server_->Wait();
  server_.reset();
}

std::string LoopbackServer::address() const { return absl::StrCat("127.0.0.1:", port_); }

std::shared_ptr<grpc::Channel> LoopbackServer::NewChannel() const {
  return grpc::CreateChannel(address(), grpc::InsecureChannelCredentials());
}

}  // namespace armature
